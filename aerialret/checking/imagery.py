"""Imagery of one part looked at: files go in, what they are together comes out."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyproj

from aerialret.checking.extents import bounds_between, metric_crs, union
from aerialret.checking.lattice import Lattice, find_lattice, overlap_share
from aerialret.checking.parts import Part
from aerialret.checking.rasters import CheckedRaster, check_raster, crs_of
from aerialret.config.sources import SourceConfig
from aerialret.ingestion.crs import crs_name
from aerialret.ingestion.imagery.bdortho_names import parse_name
from aerialret.tiles.grid import Bounds

_THREADS = 4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagery:
    """The orthophotos of one delivery, or loose ones of one year.

    Attributes:
        part: Its files and what their names say.
        files: Each file's facts.
        boxes: The rectangles of the usable files in `crs`, in their order.
        crs: A system in metres: the files' own if it is one.
        unusable: The rectangles of the other files in `crs`, where they are known.
        lattice: The lattice that its sheets lie on, if they do.
        overlap: The share of the ground that more than one file covers.
    """

    part: Part
    files: tuple[CheckedRaster, ...]
    boxes: tuple[Bounds, ...] = ()
    crs: str = ""
    unusable: tuple[Bounds, ...] = ()
    lattice: Lattice | None = None
    overlap: float = 0.0

    @property
    def usable(self) -> tuple[CheckedRaster, ...]:
        """Files that `ingest` would read."""
        return tuple(file for file in self.files if file.is_usable)

    @property
    def damaged(self) -> tuple[CheckedRaster, ...]:
        """Files that are damaged or no pictures."""
        return tuple(file for file in self.files if file.damage)

    @property
    def without_crs(self) -> tuple[CheckedRaster, ...]:
        """Files that lack only a coordinate system."""
        return tuple(file for file in self.files if file.lacks_crs and not file.damage)

    @property
    def missing(self) -> tuple[Bounds, ...]:
        """Sheets that are missing from the lattice, in `crs`."""
        return self.lattice.missing if self.lattice else ()

    @property
    def extent(self) -> Bounds | None:
        """The rectangle around the usable files in `crs`."""
        return union(self.boxes)

    @property
    def pixel_m(self) -> float:
        """The commonest side of a pixel in metres; 0 where no file is usable."""
        sides = Counter(
            round(box.width / file.width, 4)
            for file, box in zip(self.usable, self.boxes, strict=True)
        )
        return sides.most_common(1)[0][0] if sides else 0.0

    def counted(self, attribute: str) -> dict[str, int]:
        """How many readable files have each value of an attribute, the commonest first."""
        values = Counter(str(getattr(file, attribute)) for file in self.files if file.format)
        return dict(sorted(values.items(), key=lambda item: (-item[1], item[0])))


def check_files(
    paths: Sequence[Path], *, source: SourceConfig, deep: bool, progress: Progress
) -> list[CheckedRaster]:
    """The facts of each file, in their order."""
    found: list[CheckedRaster] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for file in pool.map(lambda path: check_raster(path, source=source, deep=deep), paths):
            found.append(file)
            progress("orthophotos", len(found), len(paths))
    return found


def summarise(part: Part, files: Sequence[CheckedRaster]) -> Imagery:
    """What the files of a part are together."""
    usable = [file for file in files if file.is_usable]
    crs = _metric(usable)
    if crs is None:
        lost = tuple(_with_damage(file) if file.is_usable else file for file in files)
        return Imagery(part=part, files=lost)
    placed = [(file, _box(file, crs)) for file in files]
    kept = tuple(
        _with_damage(file) if file.is_usable and box is None else file for file, box in placed
    )
    boxes = tuple(box for file, box in placed if file.is_usable and box)
    elsewhere = (_place(file, crs, like=boxes) for file in files if not file.is_usable)
    unusable = tuple(box for box in elsewhere if box)
    return Imagery(
        part=part,
        files=kept,
        boxes=boxes,
        crs=crs_name(crs),
        unusable=unusable,
        lattice=find_lattice((*boxes, *unusable)),
        overlap=overlap_share(boxes),
    )


def _place(file: CheckedRaster, crs: pyproj.CRS, *, like: Sequence[Bounds]) -> Bounds | None:
    """Where an unusable file should lie: by its header, else by its name and the others' size."""
    if file.bounds and file.crs:
        return bounds_between(file.bounds, source=crs_of(file), target=crs)
    name = parse_name(file.path)
    if name is None or not like or file.lacks_crs:
        return None
    sides = (like[0].width, like[0].height)
    box = Bounds(name.left_m, name.top_m - sides[1], name.left_m + sides[0], name.top_m)
    return box if name.epsg and crs.to_epsg() == name.epsg else None


def _metric(usable: Sequence[CheckedRaster]) -> pyproj.CRS | None:
    for file in usable:
        crs = metric_crs(crs_of(file), file.bounds) if file.bounds else None
        if crs:
            return crs
    return None


def _box(file: CheckedRaster, crs: pyproj.CRS) -> Bounds | None:
    if not file.is_usable or file.bounds is None:
        return None
    return bounds_between(file.bounds, source=crs_of(file), target=crs)


def _with_damage(file: CheckedRaster) -> CheckedRaster:
    return replace(file, damage=f"its corners lie where {file.crs} has no coordinates")
