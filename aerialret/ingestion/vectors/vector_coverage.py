"""Where vectors are complete: coverage polygons, or the layers themselves, go in, an area out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely

from aerialret.config.sources import SourceConfig
from aerialret.errors import EmptyLayerError, MissingInputError
from aerialret.ingestion.vectors.ground_shapes import Geometries, ground_shapes, is_polygon
from aerialret.ingestion.vectors.vector_layers import (
    VectorLayer,
    bounds_in,
    layers_of,
    read_features,
)
from aerialret.ingestion.vectors.vector_plan import VectorPlan
from aerialret.tiles.grid import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Where the vectors are complete; outside, a mask is 255.

    Attributes:
        area: A polygon in the tile set's CRS; empty: nowhere.
        origin: Where it comes from, for the report.
        warnings: What the report should say.
    """

    area: Any = field(default_factory=shapely.Polygon)
    origin: str = "no vectors"
    warnings: tuple[str, ...] = ()


def coverage_of(
    source: SourceConfig,
    plan: VectorPlan,
    *,
    base: Path,
    crs: pyproj.CRS,
    window: tuple[Bounds, str] | None,
    drawn: Bounds | None,
) -> Coverage:
    """The coverage of a source: its polygon file, its coverage layers, or the features' rectangle.

    Args:
        source: The source.
        plan: Its layers.
        base: The folder that relative paths refer to.
        crs: The CRS of the coverage.
        window: Only polygons that touch this rectangle, given in this CRS, matter; None: all.
        drawn: The rectangle around the areas that were read.

    Raises:
        MissingInputError: The polygon file is not there.
        EmptyLayerError: It has no polygons.
        UnreadableInputError: It cannot be decoded.
        MissingCrsError: It has no CRS, and none is given.
    """
    if source.vector_coverage:
        layers = _coverage_file(source.vector_coverage, base=base)
        origin = f"polygons of {Path(source.vector_coverage).name}"
    else:
        layers = [layer for layer in plan.coverage if layer.feature_count]
        origin = f"polygons of {', '.join(layer.label for layer in layers)}"
    if not layers:
        return _rectangle(source, plan, crs=crs, drawn=drawn)
    polygons = [_polygons(layer, source=source, crs=crs, window=window) for layer in layers]
    area = shapely.union_all(np.concatenate(polygons))
    missed = f"the {origin} do not touch the imagery: all masks are 'no coverage'"
    return Coverage(area=area, origin=origin, warnings=(missed,) if area.is_empty else ())


def _coverage_file(name: str, *, base: Path) -> list[VectorLayer]:
    path = base / Path(name).expanduser()
    if not path.is_file():
        raise MissingInputError(f"--vector-coverage {name}: there is no such file")
    layers = [layer for layer in layers_of(path, label=path.name) if layer.feature_count]
    if not layers:
        raise EmptyLayerError(f"--vector-coverage {name}: the file has no polygons")
    return layers


def _polygons(
    layer: VectorLayer,
    *,
    source: SourceConfig,
    crs: pyproj.CRS,
    window: tuple[Bounds, str] | None,
) -> Geometries:
    frame = read_features(layer, columns=(), given_crs=source.vector_crs, extent=window)
    geometries = frame.geometry.to_crs(crs).to_numpy()
    geometries = geometries[is_polygon(geometries)]
    areas = ground_shapes(geometries, widths_m=np.zeros(len(geometries))).geometries
    return areas[~shapely.is_missing(areas)]


def _rectangle(
    source: SourceConfig, plan: VectorPlan, *, crs: pyproj.CRS, drawn: Bounds | None
) -> Coverage:
    boxes: Sequence[Bounds | None] = [
        bounds_in(planned.layer, crs=crs, given_crs=source.vector_crs) for planned in plan.drawn
    ]
    known = [box for box in boxes if box is not None]
    if drawn is not None:
        known.append(drawn)
    if not known:
        return Coverage(origin="no features")
    area = shapely.box(
        min(box.left for box in known),
        min(box.bottom for box in known),
        max(box.right for box in known),
        max(box.top for box in known),
    )
    return Coverage(area=area, origin="rectangle around the features")
