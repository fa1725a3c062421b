"""Houses along streets: in go blocks and rules, out come footprints that do not collide."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.features import Features, concatenate, near, polygon_parts, table, touching
from aerialret.territory.shapes import long_side, quads, rectangles

ROOFS = ("tile", "brown tile", "slate", "metal", "fibre cement", "gravel", "blue metal", "glass")
KERB_M = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontage:
    """How houses stand along a street; ranges in metres, half-open."""

    kind: str
    setback_m: tuple[float, float]
    depth_m: tuple[float, float]
    width_m: tuple[float, float]
    gap_m: tuple[float, float]
    attached: float
    occupied: float
    turn: float
    height_m: tuple[float, float]
    roofs: tuple[float, ...]


FRONTAGES = {
    "core": Frontage(
        kind="house", setback_m=(1.0, 6.0), depth_m=(10, 15), width_m=(8, 16), gap_m=(3, 16),
        attached=0.7, occupied=0.86, turn=0.02, height_m=(6, 9), roofs=(0.62, 0.22, 0.08, 0, 0.08),
    ),
    "urban": Frontage(
        kind="urban", setback_m=(0.5, 3.0), depth_m=(11, 15), width_m=(11, 26), gap_m=(4, 14),
        attached=0.82, occupied=0.93, turn=0.01, height_m=(9, 17),
        roofs=(0.45, 0.2, 0.15, 0.02, 0.03, 0.15),
    ),
    "estate": Frontage(
        kind="house", setback_m=(5.0, 9.0), depth_m=(8, 11), width_m=(9, 15), gap_m=(6, 15),
        attached=0.08, occupied=0.88, turn=0.08, height_m=(5, 8), roofs=(0.55, 0.3, 0.1, 0, 0.05),
    ),
}  # fmt: skip


def building_table(shapes: NDArray[np.object_], *, kind: str, **columns: object) -> Features:
    """Buildings with `kind`, `height_m`, `roof` (a position in ROOFS) and `shade` (-1 to 1)."""
    return table(shapes, kind=np.full(len(shapes), kind, "U16"), **columns)  # type: ignore[arg-type]


def frontage(blocks: NDArray[np.object_], *, rule: Frontage, rng: np.random.Generator) -> Features:
    """Houses along the inner side of each block's edge."""
    depth = rng.uniform(*rule.depth_m, len(blocks))
    setback = rng.uniform(*rule.setback_m, len(blocks))
    inset = KERB_M + setback + depth / 2
    inner = shapely.buffer(blocks, -inset, join_style="mitre")
    parts, owner = shapely.get_parts(inner, return_index=True)
    keep = ~shapely.is_empty(parts)
    rings, depth = shapely.get_exterior_ring(parts[keep]), depth[owner[keep]]
    which, along, width = _plots(shapely.length(rings), rule, rng)
    lines = rings[which]
    centre = shapely.get_coordinates(shapely.line_interpolate_point(lines, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, along + 1.0))
    behind = shapely.get_coordinates(shapely.line_interpolate_point(lines, along - 1.0))
    angle = np.arctan2(*(ahead - behind).T[::-1]) + rng.normal(0, rule.turn, len(along))
    own_depth = depth[which] * rng.uniform(0.85, 1.1, len(along))
    shapes = rectangles(centre, angle=angle, length_m=width, depth_m=own_depth)
    shapes = _with_wings(shapes, centre, angle, width, own_depth, rng)
    return building_table(
        shapes,
        kind=rule.kind,
        height_m=rng.uniform(*rule.height_m, len(shapes)),
        roof=draw_roofs(rule.roofs, len(shapes), rng),
        shade=rng.normal(0, 1, len(shapes)),
    )


def _plots(
    lengths: NDArray[np.float64], rule: Frontage, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """For each house: its ring, the distance along it of its middle, and its width."""
    which, along, widths = [np.empty(0, int)], [np.empty(0)], [np.empty(0)]
    for ring, length in enumerate(lengths):
        count = int(length / rule.width_m[0]) + 1
        width = rng.uniform(*rule.width_m, count)
        attached = rng.random(count) < rule.attached
        gap = np.where(attached, 0.15, rng.uniform(*rule.gap_m, count))
        start = np.cumsum(width + gap) - width + rng.uniform(0, 6)
        fits = (start + width < length - 2) & (rng.random(count) < rule.occupied)
        which.append(np.full(int(fits.sum()), ring))
        along.append((start + width / 2)[fits])
        widths.append(width[fits])
    return np.concatenate(which), np.concatenate(along), np.concatenate(widths)


def _with_wings(
    shapes: NDArray[np.object_],
    centre: NDArray[np.float64],
    angle: NDArray[np.float64],
    width: NDArray[np.float64],
    depth: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.object_]:
    """The footprints; a fifth of them become L-shaped."""
    wing = rng.random(len(shapes)) < 0.2
    side = np.where(rng.random(len(shapes)) < 0.5, 0.5, -0.5)
    for end in (0.5, -0.5):
        chosen = wing & (side == end)
        low, high = sorted((end, end * 0.2))
        wings = quads(
            centre[chosen], angle=angle[chosen], along=(low, high), across=(0.0, 1.0),
            size=(width[chosen], depth[chosen]),
        )  # fmt: skip
        shapes[chosen] = shapely.union(shapes[chosen], wings)
    return shapes


def annexes(houses: Features, *, share: float, rng: np.random.Generator) -> Features:
    """Garages and sheds behind some of the houses."""
    chosen = houses.take(rng.random(len(houses)) < share)
    centre, angle, size = long_side(chosen.geometry) if len(chosen) else _no_sides()
    count = len(chosen)
    away = size[:, 1] / 2 + rng.uniform(7, 18, count)
    side = np.where(rng.random(count) < 0.5, 1, -1) * away
    across = np.column_stack([-np.sin(angle), np.cos(angle)]) * side[:, None]
    drift = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(-6, 6, count)[:, None]
    shapes = rectangles(
        centre + across + drift,
        angle=angle,
        length_m=rng.uniform(4, 9, count),
        depth_m=rng.uniform(3.5, 6, count),
    )
    return building_table(
        shapes,
        kind="annex",
        height_m=rng.uniform(2.5, 4, count),
        roof=draw_roofs((0.4, 0.2, 0.1, 0.1, 0.2), count, rng),
        shade=rng.normal(0, 1, count),
    )


def halls(parcels: Features, *, kind: str, rng: np.random.Generator) -> Features:
    """Large buildings in the middle of each parcel, the parcel cut in strips between them."""
    tables = []
    for polygon in parcels.geometry:
        centre, angle, size = long_side(np.array([polygon], object))
        count = int(np.clip(size[0, 0] / rng.uniform(45, 80), 1, 4))
        at = (np.arange(count) + 0.5) / count - 0.5
        axis = np.array([np.cos(angle[0]), np.sin(angle[0])])
        width = size[0, 0] / count * rng.uniform(0.5, 0.8, count)
        depth = size[0, 1] * rng.uniform(0.35, 0.66, count)
        middle = centre + np.outer(at * size[0, 0], axis)
        tables.append(rectangles(middle, angle=angle[0], length_m=width, depth_m=depth))
    shapes = np.concatenate([*tables, np.empty(0, object)])
    return building_table(
        shapes,
        kind=kind,
        height_m=rng.uniform(6, 11, len(shapes)),
        roof=draw_roofs((0.02, 0.03, 0.1, 0.4, 0.15, 0.18, 0.12), len(shapes), rng),
        shade=rng.normal(0, 1, len(shapes)),
    )


def farmsteads(yards: NDArray[np.float64], *, rng: np.random.Generator) -> Features:
    """A farmhouse and two or three barns around each yard [n, 2]."""
    turn = rng.uniform(0, np.pi, len(yards))
    tables = [halls(table([]), kind="farm", rng=rng)]
    plan = (
        ("house", 0.0, 19.0, (12, 17), (9, 12)),
        ("farm", 1.6, 22.0, (24, 44), (13, 20)),
        ("farm", 3.1, 20.0, (18, 34), (11, 17)),
        ("farm", 4.7, 30.0, (20, 50), (14, 24)),
    )
    for place, (kind, bearing, away, length, depth) in enumerate(plan):
        built = rng.random(len(yards)) < (0.55 if place == len(plan) - 1 else 0.95)
        angle = (turn + bearing)[built]
        count = int(built.sum())
        side = np.column_stack([np.cos(angle), np.sin(angle)])
        shapes = rectangles(
            yards[built] + away * side,
            angle=angle + np.pi / 2,
            length_m=rng.uniform(*length, count),
            depth_m=rng.uniform(*depth, count),
        )
        roofs = (0.5, 0.3, 0.1) if kind == "house" else (0.15, 0.15, 0.05, 0.25, 0.4)
        tables.append(
            building_table(
                shapes,
                kind=kind,
                height_m=rng.uniform(5, 9, count),
                roof=draw_roofs(roofs, count, rng),
                shade=rng.normal(0, 1, count),
            )
        )
    return concatenate(tables)


def draw_roofs(
    weights: tuple[float, ...], count: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Positions [n] in ROOFS, drawn by weight."""
    share = np.array(weights) / sum(weights)
    return np.asarray(rng.choice(len(share), size=count, p=share), np.intp)


def without_collisions(
    candidates: Features, *, standing: NDArray[np.object_], corridors: NDArray[np.object_]
) -> Features:
    """The candidates that touch neither a corridor, nor what stands, nor an earlier candidate."""
    free = candidates.take(~touching(candidates.geometry, corridors))
    free = free.take(~touching(free.geometry, standing))
    later, earlier = shapely.STRtree(free.geometry).query(free.geometry, predicate="intersects")
    pairs = sorted((int(a), int(b)) for a, b in zip(later, earlier, strict=True) if b < a)
    keep = np.ones(len(free), bool)
    for a, b in pairs:
        keep[a] &= not keep[b]
    return free.take(keep)


def houses_of(
    parcels: Features, *, streets: NDArray[np.object_], rng: np.random.Generator
) -> Features:
    """Candidates for all built-up parcels: houses near a street, and annexes."""
    tables = []
    for use, rule in FRONTAGES.items():
        blocks = polygon_parts(parcels.geometry[parcels["use"] == use], smallest_m2=700)
        row = frontage(blocks, rule=rule, rng=rng)
        tables.append(row.take(near(row.geometry, streets, within_m=22.0)))
    houses = concatenate(tables)
    return concatenate([houses, annexes(houses, share=0.45, rng=rng)])


def _no_sides() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return np.empty((0, 2)), np.empty(0), np.empty((0, 2))
