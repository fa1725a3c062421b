"""Woods, hedges and trees: in go parcels and margins, out come polygons and crowns."""

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate, geometries, polygon_parts, table
from aerialret.territory.landuse import WOODED_USES
from aerialret.territory.shapes import blob

KINDS = {
    "broadleaf": "broadleaf",
    "mixed": "mixed",
    "conifer": "conifer",
    "young": "open",
    "poplar": "poplar",
    "orchard": "orchard",
}


def woods(parcels: Features, *, gaps: NDArray[np.object_]) -> Features:
    """Polygons of the woods, joined over parcels of one kind, cut by wide roads and waters."""
    tables = [green_table([], "wood", 0.0)]
    gap_tree = shapely.STRtree(gaps)
    for use, kind in KINDS.items():
        stands = parcels.geometry[parcels["use"] == use]
        if not len(stands):
            continue
        grown = 3.0 if use in WOODED_USES else -2.0
        joined = shapely.union_all(shapely.buffer(stands, grown, join_style="mitre"))
        opened = joined.buffer(-9).buffer(6 if use in WOODED_USES else 8, quad_segs=3)
        parts = polygon_parts(geometries([opened]), smallest_m2=600)
        tables.append(green_table(_cut_out(parts, gaps, gap_tree), kind, 0.0))
    return concatenate(tables)


def _cut_out(
    parts: NDArray[np.object_], gaps: NDArray[np.object_], tree: shapely.STRtree
) -> NDArray[np.object_]:
    cut = []
    for part in parts:
        holes = gaps[np.sort(tree.query(part, predicate="intersects"))]
        cut.append(part.difference(shapely.union_all(holes)) if len(holes) else part)
    return polygon_parts(geometries(cut), smallest_m2=500)


def copses(
    config: TerritoryConfig, *, each_km2: float, keep_out: shapely.STRtree, rng: np.random.Generator
) -> Features:
    """Small woods in the open fields."""
    left, bottom, right, top = config.bounds
    shapes = []
    for _ in range(round(2 * each_km2 * config.area_km2)):
        spot = rng.uniform((left, bottom), (right, top))
        shape = blob(spot, radius_m=float(np.exp(rng.uniform(2.5, 4.0))), rng=rng)
        if not len(keep_out.query(shape, predicate="intersects")):
            shapes.append(shape)
    return green_table(shapes, "copse", rng.uniform(8, 17, len(shapes)))


def hedges(margins: Features, *, share: NDArray[np.float64], rng: np.random.Generator) -> Features:
    """Hedges along a share of the margins between parcels, often only along a part of them."""
    chosen = margins.geometry[rng.random(len(margins)) < share]
    lines = shapely.get_parts(chosen)
    lines = lines[shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING]
    start = rng.uniform(0, 0.35, len(lines)) * (rng.random(len(lines)) < 0.6)
    end = 1 - rng.uniform(0, 0.35, len(lines)) * (rng.random(len(lines)) < 0.6)
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, start, normalized=True))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, end, normalized=True))
    rows = shapely.linestrings(np.stack([a, b], axis=1)) if len(lines) else lines
    shapes = shapely.buffer(rows, rng.uniform(2.2, 4.2, len(lines)), quad_segs=2)
    return green_table(shapes, "hedge", rng.uniform(4, 8, len(lines)))


def river_woods(banks: NDArray[np.object_], *, rng: np.random.Generator) -> Features:
    """Rows of trees along pieces of the banks."""
    shapes = []
    for line in banks:
        at = rng.uniform(0, 60)
        while at < line.length - 30:
            reach = rng.uniform(40, 220)
            if rng.random() < 0.55:
                piece = shapely.ops.substring(line, at, min(at + reach, line.length))
                shapes.append(piece.buffer(rng.uniform(4, 8), quad_segs=2))
            at += reach + rng.uniform(5, 40)
    return green_table(shapes, "riverside", rng.uniform(8, 15, len(shapes)))


def glades(stands: NDArray[np.object_], *, share: float, rng: np.random.Generator) -> Features:
    """Clearings inside the woods that the vector layers do not show."""
    chosen = stands[rng.random(len(stands)) < share]
    shapes = []
    for stand in chosen:
        circle = shapely.maximum_inscribed_circle(stand)
        centre = np.asarray(circle.coords[0]) + rng.normal(0, 0.25 * circle.length, 2)
        shapes.append(blob(centre, radius_m=rng.uniform(0.12, 0.4) * circle.length, rng=rng))
    return table(shapes)


def lone_trees(
    parcels: Features, *, per_ha: dict[str, float], rng: np.random.Generator
) -> Features:
    """Crowns scattered over the parcels by their use, as points with a `radius_m`."""
    rate = np.array([per_ha.get(use, 0.0) for use in parcels["use"]])
    count = rng.poisson(rate * shapely.area(parcels.geometry) / 1e4)
    owner = np.repeat(np.arange(len(parcels)), count)
    box = shapely.bounds(parcels.geometry)[owner]
    points = np.asarray(shapely.points(rng.uniform(box[:, :2], box[:, 2:]).reshape(-1, 2)), object)
    inside = shapely.contains_xy(
        parcels.geometry[owner], shapely.get_x(points), shapely.get_y(points)
    )
    return tree_table(points[inside], rng)


def tree_rows(
    lines: NDArray[np.object_], *, apart_m: float, aside_m: float, rng: np.random.Generator
) -> Features:
    """Crowns in a row on both sides of each line."""
    points = []
    for line in lines:
        for side in (-aside_m, aside_m):
            at = np.arange(apart_m / 2, line.length, apart_m)
            row = line.offset_curve(side) if len(at) else None
            if row is not None and row.geom_type == "LineString" and row.length > apart_m:
                points.append(shapely.line_interpolate_point(row, at[at < row.length]))
    kept = np.concatenate([*points, np.empty(0, object)])
    return tree_table(kept[rng.random(len(kept)) < 0.88], rng)


def tree_table(points: NDArray[np.object_], rng: np.random.Generator) -> Features:
    """Crowns at points."""
    return table(points, radius_m=rng.uniform(1.8, 4.6, len(points)))


def green_table(
    shapes: NDArray[np.object_] | list[shapely.Polygon], kind: str, height_m: object
) -> Features:
    """Vegetation with `kind` and `height_m`; 0 takes the height of the parcel's stand."""
    return table(shapes, kind=np.full(len(shapes), kind, "U12"), height_m=height_m)  # type: ignore[arg-type]
