"""What an operator draws from a photo: in go true shapes, out come shapes a little off."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, geometries, polygon_parts
from aerialret.territory.noise import FractalField, NoiseField, noise_field, stream
from aerialret.territory.shapes import pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """How one edition of the vector layers was drawn.

    Attributes:
        drift: Smooth displacement in x and y; neighbours move together, so networks stay joined.
        drift_m: Its standard deviation.
        slip_m: Standard deviation of the displacement of a whole polygon.
        tremor_m: Standard deviation of the displacement of a single vertex of a polygon.
        tolerance_m: Details below this size are left out.
        relief: Height field for the third coordinate.
        seed: Seed of the territory.
        edition: Name of the edition.
    """

    drift: tuple[NoiseField, NoiseField]
    drift_m: float
    slip_m: float
    tremor_m: float
    tolerance_m: float
    relief: FractalField
    seed: int
    edition: str

    def stream(self, layer: str) -> np.random.Generator:
        """The random stream of a layer in this edition."""
        return stream(self.seed, "operator", self.edition, layer)


def make_operator(
    config: TerritoryConfig, relief: FractalField, *, edition: str, coarse: bool
) -> Operator:
    """An operator of an edition; the older one is `coarse`."""
    x, y = (
        noise_field(config.bounds, step_m=70.0, rng=stream(config.seed, "drift", edition, axis))
        for axis in ("x", "y")
    )
    return Operator(
        drift=(x, y),
        drift_m=0.40 if coarse else 0.20,
        slip_m=0.35 if coarse else 0.15,
        tremor_m=0.20 if coarse else 0.10,
        tolerance_m=0.8 if coarse else 0.3,
        relief=relief,
        seed=config.seed,
        edition=edition,
    )


def drawn_polygons(
    rows: Features, operator: Operator, *, layer: str, smooth: bool = False
) -> Features:
    """The polygons as the operator drew them, with heights; those that collapse are dropped.

    Args:
        rows: Features with polygons.
        operator: Who draws.
        layer: Name of the layer, for its random stream.
        smooth: Whether outlines are natural, so that more detail may be left out.
    """
    rng = operator.stream(layer)
    tolerance = operator.tolerance_m * (2.5 if smooth else 0.5)
    shapes = shapely.simplify(rows.geometry, tolerance)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    slip = _bounded(rng, operator.slip_m, len(rows))[owner]
    drift = 0.0 if not len(points) else _drift(points, operator)
    moved = points + slip + drift
    tremor = _bounded(rng, operator.tremor_m, len(points))
    rings = _ring_ends(shapes)
    tremor[rings[:, 1]] = tremor[rings[:, 0]]
    shapes = shapely.set_coordinates(shapes.copy(), moved + tremor)
    valid = shapely.make_valid(shapes)
    parts, origin = shapely.get_parts(valid, return_index=True)
    whole = np.array(
        [len(polygon_parts(geometries([part]), smallest_m2=2.0)) == 1 for part in parts]
    )
    kept = rows.take(origin[whole]) if len(parts) else rows
    return Features(_raised(parts[whole], operator), kept.columns) if len(parts) else kept


def drawn_lines(rows: Features, operator: Operator, *, longest_m: float = 420.0) -> Features:
    """The lines as the operator drew them, cut in sections, with heights."""
    cut, origin = [], []
    for index, line in enumerate(shapely.simplify(rows.geometry, operator.tolerance_m * 0.6)):
        for piece in pieces(line, longest_m=longest_m):
            cut.append(piece)
            origin.append(index)
    shapes = geometries(cut)
    points = shapely.get_coordinates(shapes)
    if len(points):
        shapes = shapely.set_coordinates(shapes, points + _drift(points, operator))
    kept = rows.take(np.array(origin, int))
    return Features(_raised(shapes, operator), kept.columns)


def surveyed(
    rows: Features, operator: Operator, *, layer: str, omitted: dict[str, float]
) -> Features:
    """The rows without those that the operator missed; chances are by column `kind`."""
    rng = operator.stream(f"{layer} omissions")
    chance = np.array([omitted.get(kind, omitted.get("", 0.0)) for kind in rows["kind"]])
    return rows.take(rng.random(len(rows)) >= chance)


def _drift(points: NDArray[np.float64], operator: Operator) -> NDArray[np.float64]:
    moves = [np.clip(field.at(points), -2, 2) for field in operator.drift]
    return operator.drift_m * np.column_stack(moves)


def _bounded(rng: np.random.Generator, deviation: float, count: int) -> NDArray[np.float64]:
    return np.clip(rng.normal(0, deviation, (count, 2)), -2 * deviation, 2 * deviation)


def _ring_ends(shapes: NDArray[np.object_]) -> NDArray[np.intp]:
    """Positions [rings, 2] of the first and the last vertex of each ring, which must stay equal."""
    rings = shapely.get_rings(shapes)
    if not len(rings):
        return np.empty((0, 2), np.intp)
    last = np.cumsum(shapely.get_num_coordinates(rings)) - 1
    return np.column_stack([np.concatenate([[0], last[:-1] + 1]), last])


def _raised(shapes: NDArray[np.object_], operator: Operator) -> NDArray[np.object_]:
    """The shapes with heights above the sea, in decimetres' precision."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    if not len(points):
        return shapes
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    height = np.round(225 + 18 * operator.relief.at(centre), 1)
    shapes = shapely.force_3d(shapes)
    exact = np.column_stack([np.round(points, 2), height[owner]])
    return np.asarray(shapely.set_coordinates(shapes, exact), object)
