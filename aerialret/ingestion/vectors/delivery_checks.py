"""Whether layers make one whole delivery: layers and a mapping go in, warnings come out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.class_mapping import ClassMapping
from aerialret.ingestion.vectors.class_rules import LayerRule
from aerialret.ingestion.vectors.layer_names import plain_name
from aerialret.ingestion.vectors.vector_layer import VectorLayer, bounds_in
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import CODES

SAME_GROUND = 0.9
"""Two layers of one name are the same one twice when their rectangles share this much of both."""


def edition_of(layers: Iterable[VectorLayer], *, mapping: ClassMapping) -> str:
    """The edition that the layers betray; empty where none does.

    Raises:
        ConfigurationError: They are of two editions.
    """
    found: dict[str, VectorLayer] = {}
    for layer in layers:
        for edition in mapping.editions_of(layer.names):
            found.setdefault(edition, layer)
    if len(found) > 1:
        seen = " and ".join(
            f"{edition} (layer {_betraying(layer, edition, mapping)} of {layer.path})"
            for edition, layer in found.items()
        )
        raise ConfigurationError(
            f"the vector layers are of two editions, {seen}, which would be drawn on each other; "
            "give one edition for each date"
        )
    return next(iter(found), "")


def missing_classes(rules: Iterable[LayerRule], *, mapping: ClassMapping, edition: str) -> str:
    """A warning that names the classes for which a delivery has no layer, or an empty text.

    Args:
        rules: Rules of the layers that are there.
        mapping: The class mapping.
        edition: The delivery's edition.
    """
    there = {name for rule in rules for name in rule.classes}
    missing = {
        name: [layer for rule in mapping.layers if name in rule.classes for layer in rule.names]
        for name in CODES
        if name not in there
    }
    absent = [f"{name} ({', '.join(layers)})" for name, layers in missing.items() if layers]
    if not absent:
        return ""
    return f"the {edition} delivery has no layer for these classes, which stay empty: " + "; ".join(
        absent
    )


def twice_there(layers: Sequence[VectorLayer]) -> list[str]:
    """Warnings of layers that are there twice: as SHP and GPKG, or of two dates in one folder."""
    crs = next((layer.crs for layer in layers if layer.crs is not None), None)
    groups: dict[str, list[tuple[str, Bounds]]] = defaultdict(list)
    for layer in layers:
        box = bounds_in(layer, crs=crs, given_crs="") if crs and layer.crs else None
        if box:
            groups[plain_name(layer.names[0])].append((layer.label, box))
    return [
        f"vector layers {one} and {other} have one name and cover the same ground: their features "
        "count twice; leave one out"
        for group in groups.values()
        for (one, box), (other, other_box) in combinations(group, 2)
        if _share_ground(box, other_box)
    ]


def _betraying(layer: VectorLayer, edition: str, mapping: ClassMapping) -> str:
    return mapping.editions_of(layer.names)[edition]


def _share_ground(one: Bounds, other: Bounds) -> bool:
    shared = Bounds(
        max(one.left, other.left),
        max(one.bottom, other.bottom),
        min(one.right, other.right),
        min(one.top, other.top),
    )
    return _area(shared) > SAME_GROUND * max(_area(one), _area(other))


def _area(box: Bounds) -> float:
    return max(box.right - box.left, 0) * max(box.top - box.bottom, 0)
