"""The orthophotos of one date as a set: inspected files go in, doubts about them come out.

Each file alone may be right, and the set wrong: two years in one date, a tile delivered twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aerialret.ingestion.crs import crs_name, same_crs
from aerialret.ingestion.imagery.bdortho_names import parse_name
from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.tiles.dates import parse_interval


def without_duplicates(
    files: Sequence[OrthoFile],
) -> tuple[tuple[OrthoFile, ...], tuple[str, ...]]:
    """The files without those that show what another one shows, and what to tell of them.

    A tile that is there twice by the same name at the same place, as JPEG2000 and as TIFF, is taken
    once: the one whose compression changes no pixel, else the first. A VRT whose files are all
    there is left out.
    """
    kept: list[OrthoFile] = []
    twice: list[OrthoFile] = []
    by_name: defaultdict[str, list[OrthoFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.is_lossy):
        same = by_name[file.path.stem.casefold()]
        if any(_same_place(file, other) for other in same):
            twice.append(file)
        else:
            same.append(file)
            kept.append(file)
    taken = {file.path.resolve() for file in kept}
    mosaics = [file for file in kept if _shows_only(file, taken)]
    dropped = {file.path for file in (*twice, *mosaics)}
    warnings = []
    if twice:
        warnings.append(
            f"{_few(twice)}: left out, as the same tile is there in another file of this name"
        )
    if mosaics:
        warnings.append(f"{_few(mosaics)}: left out, as all files that it shows are there")
    return tuple(file for file in files if file.path not in dropped), tuple(warnings)


def delivery_warnings(files: Sequence[OrthoFile], *, date: str) -> tuple[str, ...]:
    """What is doubtful about the orthophotos of a date.

    Args:
        files: The files that are taken.
        date: The label of the date.
    """
    return (*_of_files(files), *_of_years(files, date=date), *_of_mixtures(files))


def _of_files(files: Sequence[OrthoFile]) -> Iterator[str]:
    saying: defaultdict[str, list[OrthoFile]] = defaultdict(list)
    for file in files:
        for warning in file.warnings:
            saying[warning].append(file)
    for warning, those in saying.items():
        yield f"{_few(those)}: {warning}"


def _of_years(files: Sequence[OrthoFile], *, date: str) -> Iterator[str]:
    years = Counter(name.year for file in files if (name := parse_name(file.path)))
    if len(years) > 1:
        yield (
            f"the names of the orthophotos say {_counted(years)}; one date is one state of the "
            "ground: ingest each year by itself, with its own --date"
        )
    interval = parse_interval(date)
    outside = [
        year for year in sorted(years) if not interval.first.year <= year <= interval.last.year
    ]
    if outside:
        said = " and ".join(map(str, outside))
        yield f"the names of the orthophotos say {said}, but they are ingested as {date}"


def _of_mixtures(files: Sequence[OrthoFile]) -> Iterator[str]:
    systems = Counter(crs_name(file.crs) for file in files)
    if len(systems) > 1:
        yield f"the orthophotos are in several coordinate systems: {_counted(systems)}"
    pixels = Counter(f"{_pixel(file):.3g}" for file in files)
    if len(pixels) > 1:
        yield f"the orthophotos have pixels of several sizes: {_counted(pixels)}"
    colours = Counter("grey" if len(file.bands) == 1 else "colour" for file in files)
    if len(colours) > 1:
        yield f"some orthophotos are grey, some in colour: {_counted(colours)}"
    depths = Counter(file.dtype for file in files)
    if len(depths) > 1:
        yield f"the orthophotos have pixels of several types: {_counted(depths)}"


def _same_place(one: OrthoFile, other: OrthoFile) -> bool:
    """Whether two files cover the same ground, to within a pixel of the coarser one."""
    pixel = max(_pixel(one), _pixel(other))
    corners = zip(_corners(one), _corners(other), strict=True)
    return same_crs(one.crs, other.crs) and all(abs(a - b) <= pixel for a, b in corners)


def _corners(file: OrthoFile) -> tuple[float, float, float, float]:
    at = file.transform
    return (
        at.c,
        at.f,
        at.a * file.width + at.b * file.height + at.c,
        at.d * file.width + at.e * file.height + at.f,
    )


def _pixel(file: OrthoFile) -> float:
    return float(abs(file.transform.determinant) ** 0.5)


def _shows_only(file: OrthoFile, taken: set[Path]) -> bool:
    """Whether `file` is a VRT of files that are all there by themselves."""
    sources = {Path(member).resolve() for member in file.members[1:]}
    return file.path.suffix.lower() == ".vrt" and bool(sources) and sources <= taken


def _few(files: Sequence[OrthoFile]) -> str:
    names = sorted(file.path.name for file in files)
    if len(names) < 3:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} others"


def _counted(counts: Mapping[Any, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: str(item[0]))
    return ", ".join(
        f"{value} ({count} {'file' if count == 1 else 'files'})" for value, count in ordered
    )
