"""`query FOLDER`: a box of photos goes in, one file comes out; the same command resumes it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aerialret.cli.telling import staged_progress, tell
from aerialret.cli.verifying import tell_located
from aerialret.errors import ConfigurationError, NothingToDoError

if TYPE_CHECKING:
    from aerialret.cli.answer_pages import WantedPage
    from aerialret.querying.batch.asking import Batch, Telling
    from aerialret.querying.batch.journal import Journal
    from aerialret.querying.batch.photo_files import FoundPhotos, PhotoFile
    from aerialret.querying.query import PhotoAnswer, QueryResult
    from aerialret.retrieval.index_store import Index


def holds_folders(photos: Sequence[Path]) -> bool:
    """Whether photos are to be looked for in folders."""
    return any(photo.is_dir() for photo in photos)


def require_no_pictures(**pictures: Path | None) -> None:
    """Checks that none of the outputs is wanted that show a few photos.

    Raises:
        ConfigurationError: One is, under the option of that name.
    """
    for option, path in pictures.items():
        if path:
            raise ConfigurationError(
                f"'--{option} {path}' shows a few photos, but a folder of photos is asked about; "
                "name the photos to show"
            )


def results_and_pictures(
    out: Path | None, georeferenced: Path | None
) -> tuple[Path | None, Path | None]:
    """Where the results go, and the folder of the georeferenced photos.

    Raises:
        ConfigurationError: Both options name a folder of pictures.
    """
    from aerialret.querying.georeferenced_files import wants_pictures

    if not wants_pictures(out):
        return out, georeferenced
    if georeferenced:
        raise ConfigurationError(
            f"'--out {out}' and '--georeferenced {georeferenced}' both name a folder for pictures; "
            "let '--out' end with .gpkg, .geojson or .parquet"
        )
    return None, out


def answer_box(
    entries: Sequence[Path],
    index: "Index",
    *,
    ask: "Callable[[Sequence[Path]], QueryResult]",
    asked: Mapping[str, Any],
    output_format: str,
    out: Path | None,
    georeferenced: Path | None,
    page: "WantedPage | None",
    replace: bool,
) -> "QueryResult":
    """Asks about the photos in files and folders; prints and writes all answers, also earlier ones.

    Args:
        entries: Files and folders.
        index: Where to search.
        ask: Searches for some photos, and verifies their answers where that is wanted.
        asked: The options that answers depend on, by name.
        output_format: table, json, geojson or csv.
        out: Where the results go: a layer file.
        georeferenced: Folder of georeferenced photos.
        page: Shows the first photos.
        replace: Whether to begin anew where `out` was begun with other options.

    Raises:
        NothingToDoError: No photo can be used.
        WouldOverwriteError: `out` was begun with another index or other options.
    """
    from aerialret.querying.batch.asking import Batch
    from aerialret.querying.batch.photo_files import find_photos
    from aerialret.querying.batch.printing import printed
    from aerialret.querying.georeferenced_files import picture_paths
    from aerialret.querying.query import QueryResult, RejectedPhoto

    found = find_photos(entries, leave_out=[path for path in (out, georeferenced) if path])
    names = [photo.name for photo in found.photos]
    pictures = picture_paths(names, georeferenced) if georeferenced else {}
    with _journal(out or georeferenced, _request(index, asked), replace=replace) as journal:
        batch = Batch(photos=found.photos, journal=journal, pictures=pictures)
        with staged_progress() as progress:
            telling = _telling(
                batch, index, out, progress, noted=bool(out) or output_format == "table",
                page=page,
            )  # fmt: skip
            batch.run(lambda path: ask([path]).answers[0], telling)
        _require_answers(batch)
        telling.write()
        for piece in printed(batch.outcomes(), output_format=output_format):
            typer.echo(piece, nl=False)
        _tell_end(batch, found, out)
    shut = [RejectedPhoto(path, f"folder {path} cannot be read") for path in found.closed]
    paths = {photo.name: photo.path for photo in found.photos}
    rejected = [RejectedPhoto(paths[name], why) for name, why in batch.rejected.items()]
    if page:
        page.write_first(batch, index, ask=ask, rejected=rejected)
    return QueryResult((), (*shut, *rejected))


@contextmanager
def _journal(out: Path | None, request: Mapping[str, Any], *, replace: bool) -> "Iterator[Journal]":
    """The journal beside the output; one that goes with the run where there is no output."""
    from aerialret.querying.batch.journal import Journal, journal_path

    with tempfile.TemporaryDirectory(prefix="aerialret-") as folder:
        path = journal_path(out) if out else Path(folder) / "journal"
        with Journal(path, request=request, out=str(out or ""), replace=replace) as journal:
            yield journal


def _request(index: "Index", asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the answers depend on, as plain values."""
    from aerialret.manifest import hash_file
    from aerialret.network.reranker import reranker_hash
    from aerialret.retrieval.calibration import CALIBRATION_NAME
    from aerialret.retrieval.index_store import MODEL_FOLDER

    model = index.folder / MODEL_FOLDER
    calibration = model / CALIBRATION_NAME
    plain = {name: _plain(value) for name, value in asked.items()}
    area = Path(str(asked.get("area") or ""))
    return {
        "index": index.manifest.content_hash[:12],
        "calibration": hash_file(calibration)[:12] if calibration.is_file() else "",
        "reranker": reranker_hash(model)[:12],
        **plain,
        "content of area": hash_file(area)[:12] if area.is_file() else "",
    }


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _telling(
    batch: "Batch",
    index: "Index",
    out: Path | None,
    progress: Callable[[str, int, int], None],
    *,
    noted: bool,
    page: "WantedPage | None",
) -> "Telling":
    from aerialret.querying.answer_files import write_outcomes
    from aerialret.querying.batch.asking import Telling

    def answered(photo: "PhotoFile", answer: "PhotoAnswer") -> None:
        if page:
            page.keep(photo.name, answer)
        if answer.locations is not None:
            tell_located([answer], pictures=False)
        for note in () if noted else answer.notes:
            tell(f"{answer.query}: {note}")

    def write() -> None:
        if out:
            write_outcomes(batch.outcomes(), out, crs=index.grid.crs)

    return Telling(
        answered=answered,
        progress=lambda done, total: progress("photos", done, total),
        write=write,
        remark=tell,
    )


def _require_answers(batch: "Batch") -> None:
    if batch.done:
        return
    first = next(iter(batch.rejected.values()), "nothing was asked")
    raise NothingToDoError(
        f"none of the {len(batch.photos)} photos can be used; the first: {first}"
    )


def _tell_end(batch: "Batch", found: "FoundPhotos", out: Path | None) -> None:
    from aerialret.querying.batch.photo_files import skipped_words
    from aerialret.querying.batch.summary import summary

    for reason in batch.rejected.values():
        tell(f"aerialret: {reason}")
    tell(summary(batch.outcomes(), earlier=batch.earlier))
    if found.skipped:
        tell(skipped_words(found.skipped))
    if out:
        tell(
            f"wrote {out}; the same command asks about new and changed photos only, by "
            f"{batch.journal.path.name} beside it"
        )
