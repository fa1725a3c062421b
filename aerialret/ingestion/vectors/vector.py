"""The vector layers of one date: a source goes in, areas with class codes come out.

Layers are read once, a batch at a time, so that memory does not grow with the territory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aerialret.config.sources import SourceConfig
from aerialret.ingestion.crs import grid_warnings, parse_crs
from aerialret.ingestion.vectors.class_mapping import ClassMapping, read_mapping, with_choices
from aerialret.ingestion.vectors.classify import Classification, classify, meanings_of
from aerialret.ingestion.vectors.ground_shapes import Geometries, ground_shapes, is_line
from aerialret.ingestion.vectors.vector_counts import (
    LayerTally,
    class_counts,
)
from aerialret.ingestion.vectors.vector_coverage import coverage_of
from aerialret.ingestion.vectors.vector_layer import VectorLayer
from aerialret.ingestion.vectors.vector_layers import crs_of, read_batches
from aerialret.ingestion.vectors.vector_plan import PlannedLayer, plan_layers, vector_entries
from aerialret.ingestion.vectors.vector_summary import Drawing, VectorFeatures, VectorSummary
from aerialret.tiles.grid import Bounds

BATCH_SIZE = 10_000
"""Features in memory at once."""

Sink: TypeAlias = Callable[[Geometries, NDArray[np.uint8]], None]
"""Takes in a batch of valid polygons in the tile set's CRS, and the class code of each."""


def read_vectors(
    source: SourceConfig,
    *,
    base: Path,
    crs: str,
    extent: Bounds | None,
    least_width_m: float,
) -> VectorFeatures:
    """The features of `source.vectors` as areas with class codes, all at once.

    Arguments and errors are those of `stream_vectors`.
    """
    geometries: list[Geometries] = [np.empty(0, object)]
    codes: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]

    def keep(batch: Geometries, batch_codes: NDArray[np.uint8]) -> None:
        geometries.append(batch)
        codes.append(batch_codes)

    summary = stream_vectors(
        source, keep, base=base, crs=crs, extent=extent, least_width_m=least_width_m
    )
    return VectorFeatures(
        coverage=summary.coverage,
        layers=summary.layers,
        classes=summary.classes,
        unmapped=summary.unmapped,
        warnings=summary.warnings,
        edition=summary.edition,
        geometries=np.concatenate(geometries),
        codes=np.concatenate(codes),
    )


def stream_vectors(
    source: SourceConfig,
    sink: Sink,
    *,
    base: Path,
    crs: str,
    extent: Bounds | None,
    least_width_m: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> VectorSummary:
    """Hands the features of `source.vectors` to `sink` as areas with class codes, batch by batch.

    Args:
        source: The paths and how they are read.
        sink: Takes in the areas.
        base: The folder that relative paths refer to.
        crs: The CRS to draw in.
        extent: Only features near this rectangle, in `crs`; None: all.
        least_width_m: Lines are at least this wide: one pixel.
        progress: Called with `vectors`, features done, features in all.

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
        return VectorSummary()
    mapping = with_choices(
        read_mapping(source.classes, base=base),
        line_width_m=source.line_width_m,
        keep=source.keep,
        options=source.mapping_options,
    )
    plan = plan_layers(entries, mapping=mapping, classes=source.classes)
    drawing = Drawing(
        crs=parse_crs(crs, option="crs"),
        extent=extent,
        least_width_m=least_width_m,
        given_crs=source.vector_crs,
    )
    total = sum(planned.layer.feature_count for planned in plan.drawn)
    tallies, boxes, done = [], [], 0
    for planned in plan.drawn:
        tally = LayerTally(planned.layer)
        for areas, codes in _areas_of(planned, tally, mapping=mapping, drawing=drawing):
            boxes.append(shapely.total_bounds(areas))
            sink(areas, codes)
            if progress:
                progress("vectors", min(done + tally.read, total), total)
        done += planned.layer.feature_count
        tallies.append(tally)
    coverage = coverage_of(
        source, plan, base=base, crs=drawing.crs, window=drawing.window, drawn=_around(boxes)
    )
    return VectorSummary(
        coverage=coverage,
        layers=tuple(tally.report() for tally in tallies),
        classes=class_counts(tallies),
        unmapped=plan.unmapped,
        warnings=(*plan.warnings, *coverage.warnings, *_datum_doubts(plan.drawn, drawing)),
        edition=plan.edition,
    )


def _datum_doubts(planned: Sequence[PlannedLayer], drawing: Drawing) -> list[str]:
    systems = [crs_of(item.layer, given=drawing.given_crs) for item in planned]
    return grid_warnings(systems, drawing.crs, what="vector layers")


def _around(boxes: Sequence[NDArray[np.float64]]) -> Bounds | None:
    if not boxes:
        return None
    left, bottom, right, top = np.array(boxes).T
    return Bounds(float(left.min()), float(bottom.min()), float(right.max()), float(top.max()))


def _areas_of(
    planned: PlannedLayer, tally: LayerTally, *, mapping: ClassMapping, drawing: Drawing
) -> Iterator[tuple[Geometries, NDArray[np.uint8]]]:
    """The areas of a layer and their codes, in batches that are not empty."""
    layer, rule = planned.layer, planned.rule
    fields = _fields(layer, meanings_of(rule, mapping=mapping), mapping=mapping)
    drops = () if planned.is_assigned else mapping.drop
    batches = read_batches(
        layer,
        columns=sorted(set(fields.values())),
        given_crs=drawing.given_crs,
        extent=drawing.window,
        batch_size=BATCH_SIZE,
    )
    for frame in batches:
        columns = {meaning: frame[name] for meaning, name in fields.items()}
        classes = classify(columns, frame.geometry.to_numpy(), rule=rule, drops=drops)
        areas, reasons = _shapes(frame, columns, classes, mapping=mapping, drawing=drawing)
        kept = reasons == ""
        tally.count(classes, reasons)
        if kept.any():
            yield areas[kept], classes.codes[kept]


def _shapes(
    frame: gpd.GeoDataFrame,
    columns: Mapping[str, pd.Series],
    classes: Classification,
    *,
    mapping: ClassMapping,
    drawing: Drawing,
) -> tuple[Geometries, NDArray[np.object_]]:
    """The area of each feature that is drawn, and why the others are not."""
    geometries = frame.geometry.to_crs(drawing.crs).to_numpy()
    widths_m = _widths(classes.codes, geometries, columns, mapping=mapping, drawing=drawing)
    wanted = classes.reasons == ""
    areas: Geometries = np.full(len(geometries), None, object)
    reasons = np.array(classes.reasons, dtype=object)
    areas[wanted], reasons[wanted] = ground_shapes(geometries[wanted], widths_m=widths_m[wanted])
    return areas, reasons


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
