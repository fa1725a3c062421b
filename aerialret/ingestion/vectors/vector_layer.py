"""One layer of a vector file: what its file says goes in, its CRS and rectangle come out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from pyproj.exceptions import ProjError

from aerialret.errors import MissingCrsError
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.vectors.vector_encoding import TextEncoding
from aerialret.tiles.grid import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorLayer:
    """One layer of a vector file.

    Attributes:
        path: The file.
        layer: The layer's name in it; empty for GeoParquet.
        names: Names that a class rule may know it by.
        label: How reports and messages call it.
        fields: Names of its fields.
        feature_count: How many features it has.
        crs: Its coordinate system, if it says.
        bounds: The rectangle around its features in its own CRS, if it says.
        text: How its texts are stored.
    """

    path: Path
    layer: str
    names: tuple[str, ...]
    label: str
    fields: tuple[str, ...]
    feature_count: int
    crs: pyproj.CRS | None
    bounds: Bounds | None
    text: TextEncoding = field(default_factory=TextEncoding)

    @property
    def encoding(self) -> str:
        """The encoding of its texts; empty: the format says it itself."""
        return self.text.name


def crs_of(layer: VectorLayer, *, given: str) -> pyproj.CRS:
    """The layer's own CRS, or the one that is given for layers without.

    Raises:
        MissingCrsError: There is neither.
    """
    if layer.crs is not None:
        return layer.crs
    if given:
        return parse_crs(given, option="--vector-crs")
    raise MissingCrsError(
        f"vector layer {layer.label} has no coordinate system, and none is given; say which one "
        "it is in with --vector-crs, as in --vector-crs EPSG:2154"
    )


def bounds_in(layer: VectorLayer, *, crs: pyproj.CRS, given_crs: str) -> Bounds | None:
    """The rectangle around the layer's features in `crs`, if the layer says.

    Raises:
        MissingCrsError: The layer has no CRS, and none is given.
    """
    if layer.bounds is None:
        return None
    return bounds_between(layer.bounds, source=crs_of(layer, given=given_crs), target=crs)


def bounds_between(bounds: Bounds, *, source: Any, target: Any) -> Bounds | None:
    """The rectangle around `bounds` in another CRS; None where that has no such place."""
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    try:
        left, bottom, right, top = transformer.transform_bounds(*bounds)
    except ProjError:
        return None
    return (
        Bounds(left, bottom, right, top) if np.isfinite([left, bottom, right, top]).all() else None
    )
