"""Tile matrices of a WMTS: an offer and a pixel size go in, one matrix and its lattice come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError
from aerialret.services.entries import ServiceEntry
from aerialret.services.maps.image_parts import Lattice
from aerialret.services.maps.projections import (
    ground_size_m,
    is_northing_first,
    metres_per_unit,
    moved,
    named_crs,
)
from aerialret.services.maps.wms_capabilities import unknown_name
from aerialret.services.maps.wmts_capabilities import WmtsOffer

STANDARD_PIXEL_M = 0.28e-3
"""The pixel that scale denominators refer to (OGC 07-057r7, 6.1)."""

_ROUNDING = 1.01
"""A pixel that is larger than what was asked for by less than this factor is no larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMatrix:
    """One level of a tile matrix set.

    Attributes:
        matrix_set: Name of the set.
        name: Name of the level.
        system: The set's CRS.
        pixel: Side of a pixel, in units of the CRS.
        left: Western edge of column 0.
        top: Northern edge of row 0.
        tile_width_px: Width of a tile.
        tile_height_px: Height of a tile.
        cols: Columns that exist, half-open.
        rows: Rows that exist, half-open.
    """

    matrix_set: str
    name: str
    system: pyproj.CRS
    pixel: float
    left: float
    top: float
    tile_width_px: int
    tile_height_px: int
    cols: range
    rows: range

    def lattice(self, tiles: int) -> Lattice:
        """Blocks of `tiles` by `tiles` tiles, from the matrix's corner."""
        return Lattice(
            left=self.left,
            top=self.top,
            cell_width=tiles * self.tile_width_px * self.pixel,
            cell_height=tiles * self.tile_height_px * self.pixel,
        )

    @property
    def crs(self) -> str:
        """The CRS as a short name where it has one, else as WKT."""
        code = self.system.to_authority()
        return ":".join(code) if code else str(self.system.to_wkt())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenMatrix:
    """The matrix to take.

    Attributes:
        matrix: The matrix.
        area: The area, in its CRS.
        pixel_m: Side of a pixel on the ground, in the middle of the area.
        is_too_coarse: Whether finer pixels were asked for than there are.
    """

    matrix: TileMatrix
    area: BaseGeometry
    pixel_m: float
    is_too_coarse: bool


def choose_matrix(
    entry: ServiceEntry, offer: WmtsOffer, *, area: BaseGeometry, crs: str, gsd_m: float
) -> ChosenMatrix:
    """The coarsest matrix whose pixels, on the ground of the area, are no larger than asked for.

    Args:
        entry: Its options tilematrixset, tilematrix and gsd choose.
        offer: What the service offers.
        area: What to take, in `crs`.
        crs: The CRS of the area; a matrix set in it is preferred.
        gsd_m: Largest pixel in metres; 0: the entry's own, else the finest.

    Raises:
        ConfigurationError: There is no such matrix or matrix set.
    """
    name = _matrix_set(entry, offer, crs)
    system = named_crs(offer.matrix_sets[name].crs, asked=entry.text)
    ground = moved(area, named_crs(crs, asked=entry.text), system)
    matrices = _matrices(offer, name, system)
    if not matrices:
        raise ConfigurationError(f"{entry.text}: matrix set {name} has no tiles of this layer")
    middle = ground.representative_point()
    sizes = {
        one.name: ground_size_m(one.pixel, at=shapely.Point(middle), crs=system) for one in matrices
    }
    named = {one.name: one for one in matrices}
    wanted = entry.option("tilematrix")
    if wanted and wanted not in named:
        raise unknown_name("tilematrix", wanted, named, asked=f"{entry.url}, set {name},")
    limit = gsd_m or entry.number("gsd")
    chosen = wanted or _coarsest(sizes, limit)
    return ChosenMatrix(
        matrix=named[chosen],
        area=ground,
        pixel_m=sizes[chosen],
        is_too_coarse=bool(limit) and sizes[chosen] > limit * _ROUNDING,
    )


def _coarsest(sizes: Mapping[str, float], limit: float) -> str:
    fine_enough = {name: size for name, size in sizes.items() if size <= limit * _ROUNDING}
    if fine_enough:
        return max(fine_enough, key=lambda name: fine_enough[name])
    return min(sizes, key=lambda name: sizes[name])


def _matrix_set(entry: ServiceEntry, offer: WmtsOffer, crs: str) -> str:
    wanted = entry.option("tilematrixset")
    if wanted:
        if wanted not in offer.links:
            raise unknown_name("tilematrixset", wanted, offer.links, asked=entry.url)
        return wanted
    same = [name for name in offer.links if _is_in(offer.matrix_sets[name], crs)]
    if same or len(offer.links) == 1:
        return sorted(same or offer.links)[0]
    raise ConfigurationError(
        f"{entry.text} has no matrix set in {crs}, but {', '.join(sorted(offer.links))}; "
        "choose with tilematrixset=NAME"
    )


def _is_in(matrix_set: Any, crs: str) -> bool:
    try:
        return named_crs(matrix_set.crs, asked="tilematrixset") == named_crs(crs, asked="area")
    except ConfigurationError:  # a set that we cannot place is none that we would choose
        return False


def _matrices(offer: WmtsOffer, name: str, system: pyproj.CRS) -> list[TileMatrix]:
    limits = offer.links[name].tilematrixlimits
    levels = offer.matrix_sets[name].tilematrix
    return [
        _matrix(level, limits.get(key), name, system)
        for key, level in levels.items()
        if not limits or key in limits
    ]


def _matrix(level: Any, limits: Any, name: str, system: pyproj.CRS) -> TileMatrix:
    first, second = level.topleftcorner
    left, top = (second, first) if is_northing_first(system) else (first, second)
    cols, rows = range(level.matrixwidth), range(level.matrixheight)
    if limits is not None:
        cols = range(limits.mintilecol, limits.maxtilecol + 1)
        rows = range(limits.mintilerow, limits.maxtilerow + 1)
    return TileMatrix(
        matrix_set=name,
        name=level.identifier,
        system=system,
        pixel=level.scaledenominator * STANDARD_PIXEL_M / metres_per_unit(system),
        left=left,
        top=top,
        tile_width_px=level.tilewidth,
        tile_height_px=level.tileheight,
        cols=cols,
        rows=rows,
    )
