"""The vector layers of one date: a source goes in, areas with class codes come out."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray

from aerialret.config.sources import SourceConfig
from aerialret.ingestion.class_mapping import ClassMapping, read_mapping
from aerialret.ingestion.classify import classify, meanings_of
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.ground_shapes import Geometries, ground_shapes, is_line
from aerialret.ingestion.vector_coverage import Coverage, coverage_of
from aerialret.ingestion.vector_layers import VectorLayer, read_features
from aerialret.ingestion.vector_plan import PlannedLayer, plan_layers, vector_entries
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import CLASSES

EXTENT_MARGIN_M = 100.0
"""Features this far outside the imagery are read too: a wide line reaches in."""

_NAMES = {land_class.code: land_class.name for land_class in CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """What became of the features of one layer.

    Attributes:
        layer: The layer, by its file.
        features: How many it has.
        read: How many lie near the imagery.
        drawn: How many were drawn, by class name.
        dropped: How many were not drawn, by reason.
        unknown_values: Values that the class mapping does not know; they got the layer's class.
    """

    layer: str
    features: int
    read: int
    drawn: Mapping[str, int]
    dropped: Mapping[str, int]
    unknown_values: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorFeatures:
    """What is to be drawn.

    Attributes:
        geometries: Valid polygons in the tile set's CRS.
        codes: The class code of each.
        coverage: Where the vectors are complete.
        layers: What became of each layer.
        unmapped: Layers that no class rule names.
        warnings: What the report should say.
    """

    geometries: Geometries = field(default_factory=lambda: np.empty(0, object))
    codes: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    coverage: Coverage = field(default_factory=Coverage)
    layers: tuple[LayerReport, ...] = ()
    unmapped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How features become areas.

    Attributes:
        crs: The CRS to draw in; its unit is the metre.
        extent: Only features near this rectangle are read; None: all.
        least_width_m: Lines are at least this wide: one pixel.
        given_crs: The CRS of layers that have none.
    """

    crs: pyproj.CRS
    extent: Bounds | None
    least_width_m: float
    given_crs: str

    @property
    def window(self) -> tuple[Bounds, str] | None:
        """The extent with its margin, and its CRS."""
        if self.extent is None:
            return None
        left, bottom, right, top = self.extent
        margin = EXTENT_MARGIN_M
        return (
            Bounds(left - margin, bottom - margin, right + margin, top + margin),
            self.crs.to_wkt(),
        )


def read_vectors(
    source: SourceConfig,
    *,
    base: Path,
    crs: str,
    extent: Bounds | None,
    least_width_m: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> VectorFeatures:
    """The features of `source.vectors` as areas with class codes; none without vectors.

    Args:
        source: The paths and how they are read.
        base: The folder that relative paths refer to.
        crs: The CRS to draw in.
        extent: Only features near this rectangle, in `crs`; None: all.
        least_width_m: Lines are at least this wide: one pixel.
        progress: Called with `vectors`, layers done, layers in all.

    Raises:
        MissingInputError: A path names nothing.
        ConfigurationError: A class or the mapping is not legal, or two editions are mixed.
        UnreadableInputError: A file cannot be decoded.
        MissingCrsError: A layer has no CRS, and none is given.
        EmptyLayerError: A file that was named has no features.
        UnmappedLayerError: No layer of a path has a class.
    """
    entries = vector_entries(source, base=base)
    if not entries:
        return VectorFeatures()
    mapping = read_mapping(source.classes, base=base)
    plan = plan_layers(entries, mapping=mapping, classes=source.classes)
    drawing = Drawing(
        crs=parse_crs(crs, option="crs"),
        extent=extent,
        least_width_m=least_width_m,
        given_crs=source.vector_crs,
    )
    parts = []
    for index, planned in enumerate(plan.drawn):
        parts.append(_read_layer(planned, mapping=mapping, drawing=drawing))
        if progress:
            progress("vectors", index + 1, len(plan.drawn))
    geometries: Geometries = np.concatenate([np.empty(0, object), *(part[0] for part in parts)])
    coverage = coverage_of(
        source,
        plan,
        base=base,
        crs=drawing.crs,
        window=drawing.window,
        geometries=geometries,
    )
    return VectorFeatures(
        geometries=geometries,
        codes=np.concatenate([np.empty(0, np.uint8), *(part[1] for part in parts)]),
        coverage=coverage,
        layers=tuple(part[2] for part in parts),
        unmapped=plan.unmapped,
        warnings=(*plan.warnings, *coverage.warnings),
    )


def _read_layer(
    planned: PlannedLayer, *, mapping: ClassMapping, drawing: Drawing
) -> tuple[Geometries, NDArray[np.uint8], LayerReport]:
    layer, rule = planned.layer, planned.rule
    fields = _fields(layer, meanings_of(rule, mapping=mapping), mapping=mapping)
    frame = read_features(
        layer,
        columns=sorted(set(fields.values())),
        given_crs=drawing.given_crs,
        extent=drawing.window,
    )
    columns = {meaning: frame[name] for meaning, name in fields.items()}
    own = frame.geometry.to_numpy()
    drops = () if planned.is_assigned else mapping.drop
    codes, reasons, unknown = classify(columns, own, rule=rule, drops=drops)
    geometries = frame.geometry.to_crs(drawing.crs).to_numpy()
    widths_m = _widths(codes, geometries, columns, mapping=mapping, drawing=drawing)
    areas, lost = ground_shapes(geometries, widths_m=widths_m)
    reasons = np.where(reasons == "", lost, reasons)
    kept = reasons == ""
    report = LayerReport(
        layer=layer.label,
        features=layer.feature_count,
        read=len(frame),
        drawn=_sorted(Counter(_NAMES[code] for code in codes[kept].tolist())),
        dropped=_sorted(Counter(reasons[~kept].tolist())),
        unknown_values=_sorted(unknown),
    )
    return areas[kept], codes[kept], report


def _fields(
    layer: VectorLayer, meanings: Sequence[str], *, mapping: ClassMapping
) -> dict[str, str]:
    found = {meaning: mapping.column(meaning, fields=layer.fields) for meaning in meanings}
    return {meaning: name for meaning, name in found.items() if name}


def _widths(
    codes: NDArray[np.uint8],
    geometries: Geometries,
    columns: Mapping[str, pd.Series],
    *,
    mapping: ClassMapping,
    drawing: Drawing,
) -> NDArray[np.float64]:
    widths_m = np.full(len(codes), drawing.least_width_m)
    lines = is_line(geometries)
    for code in np.unique(codes[lines & (codes > 0)]).tolist():
        chosen = lines & (codes == code)
        values = {meaning: column[chosen] for meaning, column in columns.items()}
        metres = mapping.width_of(code).metres(values, count=int(chosen.sum()))
        widths_m[chosen] = np.maximum(metres, drawing.least_width_m)
    return widths_m


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    return dict(sorted((str(key), count) for key, count in counts.items()))
