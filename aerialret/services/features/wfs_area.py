"""Features of one type in an area: a query goes in; they go to a store, and gaps to a report."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.services.features.feature_store import FeatureStore
from aerialret.services.features.wfs_cell import CellFeatures, count_features, fetch_cell
from aerialret.services.features.wfs_page import Feature
from aerialret.services.features.wfs_query import WfsQuery
from aerialret.services.http.answers import FailedRequest
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.lattice_cells import Cell
from aerialret.services.maps.projections import moved, named_crs

MOST_IN_A_CELL = 20_000
"""A cell with more features is asked about in quarters."""

MOST_SPLITS = 12
"""How often the area's squares are quartered at most: 4096 parts a side."""


@dataclass(slots=True, kw_only=True)
class AreaReport:
    """What is told of a type in the end.

    Attributes:
        crs: The coordinate system of the answers.
        came: How many features came, those outside the area included.
        missing: A line for each gap.
        lacking: The ground of the gaps, in the CRS of the query.
        notes: Other lines.
    """

    crs: str
    came: int = 0
    missing: list[str] = field(default_factory=list)
    lacking: list[BaseGeometry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fetch_area(
    query: WfsQuery,
    roots: list[Cell],
    *,
    area: BaseGeometry,
    client: ServiceClient,
    store: FeatureStore,
    told: AreaReport,
) -> None:
    """Counts, cuts where there is much, and fetches, level by level, what lies in `area`.

    Args:
        query: What is asked of the service.
        roots: Cells that cover the area.
        area: Where, in the CRS of the query.
        client: Asks, and keeps answers.
        store: Takes the features.
        told: Takes what is to be told.
    """
    cells, floor = roots, min((cell.level for cell in roots), default=0) - MOST_SPLITS
    while cells:
        smaller: list[Cell] = []
        counts = list(count_features(query, cells, client=client))
        for cell, matched in zip(cells, counts, strict=True):
            if isinstance(matched, FailedRequest):
                _tell_gap(query, cell, f"nobody knows how many: {matched.reason}", told)
                continue
            if cell.level > floor and _is_large(query, cell, matched, area=area):
                smaller.extend(cell.quarters())
                continue
            found = fetch_cell(query, cell, matched=matched, client=client)
            if found.is_torn and found.is_paged and cell.level > floor:
                smaller.extend(cell.quarters())
                continue
            _keep(query, cell, found, area=area, store=store, told=told)
        cells = [cell for cell in smaller if touches(cell, area)]


def _is_large(query: WfsQuery, cell: Cell, matched: int | None, *, area: BaseGeometry) -> bool:
    """Whether a cell is better asked about in quarters: too much in it, or most of it outside."""
    if matched is None:
        return False
    most = MOST_IN_A_CELL if query.can_page else query.page_size
    square = shapely.box(*cell.bounds)
    mostly_outside = square.intersection(area).area < square.area / 2
    return matched > (min(most, query.page_size) if mostly_outside else most)


def _keep(
    query: WfsQuery,
    cell: Cell,
    found: CellFeatures,
    *,
    area: BaseGeometry,
    store: FeatureStore,
    told: AreaReport,
) -> None:
    if found.lack:
        number = "an unknown number" if found.matched is None else str(found.matched)
        what = f"{len(found.features)} of {number} features came: {found.lack}"
        _tell_gap(query, cell, what, told)
    if not found.features:
        return
    told.came += len(found.features)
    told.crs = found.crs
    store.add(_inside(found.features, _in_crs(found.crs, area, query=query)))


def _inside(features: dict[str, Feature], area: BaseGeometry) -> Iterator[tuple[str, Feature]]:
    shapes = shapely.from_wkb(np.array([item.geometry for item in features.values()], object))
    shapely.prepare(area)
    touching = shapely.intersects(area, shapes)
    return ((key, features[key]) for key, inside in zip(features, touching, strict=True) if inside)


def judge(name: str, store: FeatureStore, told: AreaReport, *, area: BaseGeometry) -> None:
    """Tells of a type of which nothing lies in the area."""
    if len(store):
        return
    if told.came:
        told.lacking.append(area)
        told.missing.append(
            f"{name}: {told.came} features came, but none lies in the area; the service may have "
            "taken x for y; give crs=EPSG:NUMBER with another CRS in the entry"
        )
    elif not told.missing:
        told.notes.append(f"{name}: 0 features in the area")


def _tell_gap(query: WfsQuery, cell: Cell, what: str, told: AreaReport) -> None:
    bounds = ",".join(f"{value:.10g}" for value in cell.bounds)
    told.missing.append(f"{query.type_name} in {bounds} ({query.crs}): {what}")
    told.lacking.append(shapely.box(*cell.bounds))


def _in_crs(crs: str, area: BaseGeometry, *, query: WfsQuery) -> BaseGeometry:
    return moved(area, named_crs(query.crs, asked=query.url), named_crs(crs, asked=query.url))


def touches(cell: Cell, area: BaseGeometry) -> bool:
    """Whether a cell and the area share a point."""
    return bool(shapely.box(*cell.bounds).intersects(area))
