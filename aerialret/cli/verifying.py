"""The outputs of `query --verify`: answers go in, pictures, and lines for people, come out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aerialret.cli.telling import tell
from aerialret.errors import ConfigurationError

if TYPE_CHECKING:
    from aerialret.querying.query import PhotoAnswer, QueryResult
    from aerialret.retrieval.index_store import Index
    from aerialret.verification.locator import Locator


def check_outputs(out: Path | None, matches: Path | None, *, photos: int, verify: bool) -> None:
    """Checks that `--out` and `--matches` can be written, before any work is done.

    Raises:
        ConfigurationError: One cannot.
    """
    from aerialret.querying.answer_files import check_results_path
    from aerialret.querying.georeferenced_files import check_pictures, wants_pictures

    if matches and not verify:
        raise ConfigurationError(
            f"{matches} would show matches, which '--verify' alone looks for; add it"
        )
    if matches and matches.suffix.lower() != ".png":
        raise ConfigurationError(f"{matches} would be a picture of matches; let it end with .png")
    if out and wants_pictures(out) and (verify or out.suffix):
        check_pictures(out, photos=photos, verify=verify)
    elif out:
        check_results_path(out)


def verify_result(
    result: "QueryResult",
    index: "Index",
    *,
    verify_top: int,
    locators: "Sequence[Locator]",
    top: int,
    progress: Callable[[int, int], None],
) -> "QueryResult":
    """The result with its answers verified and re-ranked, the first `top` of each kept.

    Raises:
        MissingInputError: The tile set of the index is no longer there.
    """
    from aerialret.querying.verify import first_answers, verified

    answers = verified(result.answers, index, top=verify_top, locators=locators, progress=progress)
    return replace(result, answers=tuple(first_answers(each, top) for each in answers))


def write_located(
    answers: "Sequence[PhotoAnswer]", index: "Index", *, out: Path | None, matches: Path | None
) -> None:
    """Writes the georeferenced photos and the picture of the matches, as far as asked for."""
    from aerialret.errors import NothingToDoError
    from aerialret.querying.georeferenced_files import wants_pictures, write_pictures
    from aerialret.querying.match_picture import match_picture

    if out and wants_pictures(out):
        for picture in write_pictures(answers, out).values():
            if picture:
                tell(f"wrote {picture}, {picture.stem}.points and {picture.stem}.json beside it")
    if matches:
        try:
            match_picture(answers, index, matches)
            tell(f"drew {matches}")
        except NothingToDoError as error:
            tell(str(error))


def tell_located(answers: "Sequence[PhotoAnswer]", *, pictures: bool) -> None:
    """Says of each photo where it lies, or that no candidate is believable.

    Args:
        answers: Verified ones.
        pictures: Whether georeferenced photos were asked for.
    """
    from aerialret.querying.located import best_location, most_inliers

    for answer in answers:
        best = best_location(answer)
        if best is None:
            nearest = most_inliers(answer)
            reason = f"; the nearest: {nearest.doubt}" if nearest else "; no matches agree"
            ending = "; no picture is written" if pictures else ""
            tell(f"{answer.query}: no candidate is believable{reason}{ending}")
        else:
            hit, location = best
            tell(
                f"{answer.query}: lies at {hit.x:.1f}, {hit.y:.1f} ({answer.crs}) in {hit.place} "
                f"of {hit.date}, by a {location.kind} through {location.inliers} points, "
                f"RMSE {location.rmse_m:.2f} m"
            )
