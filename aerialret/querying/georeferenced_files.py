"""Georeferenced photos: verified answers go in, a picture for each believed one comes out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aerialret.errors import ConfigurationError
from aerialret.querying.georeference import PICTURE_SUFFIXES, write_georeferenced
from aerialret.querying.located import best_location
from aerialret.querying.query import PhotoAnswer
from aerialret.verification.location import Location

FOLDER_SUFFIX = "_georeferenced.tif"
"""What follows a photo's name in a folder of pictures."""


def wants_pictures(out: Path | None) -> bool:
    """Whether `out` names a GeoTIFF or a folder, not a layer of results."""
    return out is not None and (out.suffix.lower() in PICTURE_SUFFIXES or _is_folder(out))


def check_pictures(out: Path, *, photos: int, verify: bool) -> None:
    """Checks that pictures of so many photos can be written to `out`, before any work is done.

    Raises:
        ConfigurationError: One file is named for several photos, or nothing is to be verified.
    """
    if not verify:
        raise ConfigurationError(
            f"{out} would be a georeferenced photo, for which the photo must be located first; "
            "add '--verify', or write results as .gpkg, .geojson or .parquet"
        )
    if photos > 1 and not _is_folder(out):
        raise ConfigurationError(
            f"{out} is one picture, but {photos} photos are asked about; give a folder to '--out'"
        )
    if _is_folder(out) and out.is_file():
        raise ConfigurationError(f"{out} is a file; give a folder or a name ending with .tif")


def write_pictures(answers: Sequence[PhotoAnswer], out: Path) -> dict[str, Path | None]:
    """Writes the best believed answer of each photo; the picture of each, None where none is.

    Args:
        answers: Verified ones.
        out: A GeoTIFF for one photo, or a folder, where each is NAME_georeferenced.tif.
    """
    written: dict[str, Path | None] = {}
    for answer, path in zip(answers, _paths(answers, out), strict=True):
        best = best_location(answer)
        written[answer.query] = None
        if best is not None:
            hit, location = best
            facts = {"tile": hit.place, "date": hit.date, "score": hit.score}
            written[answer.query] = write_picture(
                Path(answer.query), location, path, crs=answer.crs, facts=facts
            )
    return written


def write_picture(
    photo: Path, location: Location, out: Path, *, crs: str, facts: Mapping[str, Any]
) -> Path:
    """Writes one located photo to `out`, as `georeference.write_georeferenced`; that path.

    Args:
        photo: The picture file.
        location: Where it lies.
        out: The GeoTIFF.
        crs: CRS of the location's map.
        facts: What else its summary tells of the answer.

    Raises:
        ConfigurationError: The picture would be too large.
    """
    told = {"query": str(photo), **facts}
    return write_georeferenced(photo, location, out, crs=crs, facts=told)[0]


def picture_paths(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where the photos of a batch go: below `folder` as they lie below their own.

    What a photo's picture is called depends on its neighbours of the same name only: of `a.jpg` and
    `a.tif` in one folder, each keeps its ending in the name.
    """
    stems = Counter(str(Path(name).with_suffix("")) for name in names)
    paths = {}
    for name in names:
        photo = Path(name)
        alone = stems[str(photo.with_suffix(""))] == 1
        paths[name] = (
            folder / photo.parent / f"{photo.stem if alone else photo.name}{FOLDER_SUFFIX}"
        )
    return paths


def _paths(answers: Sequence[PhotoAnswer], out: Path) -> list[Path]:
    """Where each goes; photos of one name from several folders are numbered."""
    if not _is_folder(out):
        return [out] * len(answers)
    seen: dict[str, int] = {}
    paths = []
    for answer in answers:
        stem = Path(answer.query).stem
        seen[stem] = seen.get(stem, 0) + 1
        number = f"_{seen[stem]}" if seen[stem] > 1 else ""
        paths.append(out / f"{stem}{number}{FOLDER_SUFFIX}")
    return paths


def _is_folder(out: Path) -> bool:
    return out.is_dir() or not out.suffix
