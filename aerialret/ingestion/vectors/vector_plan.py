"""Which layers are drawn: a source goes in, its layers with their class rules come out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aerialret.config.sources import SourceConfig
from aerialret.errors import (
    EmptyLayerError,
    MissingInputError,
    UnmappedLayerError,
)
from aerialret.ingestion.source_files import files_below, matches
from aerialret.ingestion.vectors.class_mapping import ClassMapping
from aerialret.ingestion.vectors.class_rules import LayerRule, class_code
from aerialret.ingestion.vectors.delivery_checks import edition_of, missing_classes, twice_there
from aerialret.ingestion.vectors.vector_layers import VECTOR_SUFFIXES, VectorLayer, layers_of
from aerialret.tiles.palette import CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorEntry:
    """One path of `SourceConfig.vectors`.

    Attributes:
        path: A file or a folder.
        code: The class that was given with it, or 0.
    """

    path: Path
    code: int

    def files(self) -> list[tuple[Path, str]]:
        """Its files, each with the name that reports call it by."""
        if not self.path.is_dir():
            return [(self.path, self.path.name)]
        found = files_below(self.path, suffixes=VECTOR_SUFFIXES)
        return [(file, file.relative_to(self.path).as_posix()) for file in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLayer:
    """A layer and what its features become.

    Attributes:
        layer: The layer.
        rule: Its class rule.
        is_assigned: Whether its class was given with its path: then every feature gets it.
    """

    layer: VectorLayer
    rule: LayerRule
    is_assigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPlan:
    """What is done with the layers of a source.

    Attributes:
        mapping: The class mapping.
        drawn: Layers with a class.
        coverage: Layers that say where the vectors are complete.
        unmapped: Labels of layers that no rule names.
        warnings: What the report should say.
        edition: The edition that the layers betray, as v2; empty: none is known.
    """

    mapping: ClassMapping
    drawn: tuple[PlannedLayer, ...] = ()
    coverage: tuple[VectorLayer, ...] = ()
    unmapped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    edition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EntryPlan:
    """What is done with the layers of one path; a delivery is a folder or has several layers."""

    is_delivery: bool
    layers: Sequence[VectorLayer]
    planned: Sequence[PlannedLayer]
    coverage: Sequence[VectorLayer]

    @property
    def drawn(self) -> list[PlannedLayer]:
        return [planned for planned in self.planned if planned.layer.feature_count]

    @property
    def empty(self) -> list[str]:
        return [item.layer.label for item in self.planned if not item.layer.feature_count]

    @property
    def unmapped(self) -> list[str]:
        used = {id(item.layer) for item in self.planned} | {id(layer) for layer in self.coverage}
        return [layer.label for layer in self.layers if id(layer) not in used]

    @property
    def warnings(self) -> list[str]:
        wrong = [
            f"vector layer {item.layer.label}: {item.layer.text.warning}; they are read as "
            f"{item.layer.encoding}"
            for item in self.drawn
            if item.layer.text.warning
        ]
        return [*(f"vector layer {label} has no features" for label in self.empty), *wrong]


def vector_entries(source: SourceConfig, *, base: Path) -> list[VectorEntry]:
    """The paths of `source.vectors`, with the classes that were given with them.

    Raises:
        MissingInputError: A path names nothing.
        ConfigurationError: A class is not legal.
    """
    return [entry for text in source.vectors for entry in _entries(text, base=base)]


def plan_layers(
    entries: Sequence[VectorEntry], *, mapping: ClassMapping, classes: str
) -> VectorPlan:
    """What is done with the layers at `entries`.

    Args:
        entries: Paths of vector files.
        mapping: The class mapping.
        classes: Its name, for messages.

    Raises:
        UnreadableInputError: A file cannot be decoded.
        EmptyLayerError: A file that was named has no features.
        UnmappedLayerError: No layer of an entry has a class.
        ConfigurationError: The layers are of two editions.
    """
    plans = [_plan_entry(entry, mapping=mapping, classes=classes) for entry in entries]
    drawn = tuple(layer for plan in plans for layer in plan.drawn)
    own = [planned.layer for planned in drawn if not planned.is_assigned]
    edition = edition_of(own, mapping=mapping)
    missing = ""
    if edition and any(plan.is_delivery for plan in plans):
        rules = [planned.rule for plan in plans for planned in plan.planned]
        missing = missing_classes(rules, mapping=mapping, edition=edition)
    warnings = [warning for plan in plans for warning in plan.warnings]
    return VectorPlan(
        mapping=mapping,
        drawn=drawn,
        coverage=tuple(layer for plan in plans for layer in plan.coverage),
        unmapped=tuple(label for plan in plans for label in plan.unmapped),
        warnings=tuple(filter(None, [*warnings, *twice_there(own), missing])),
        edition=edition,
    )


def _entries(text: str, *, base: Path) -> list[VectorEntry]:
    found = matches(text, base=base)
    if found or "=" not in text:
        return [VectorEntry(path=path, code=0) for path in _required(text, found)]
    pattern, _, name = text.rpartition("=")
    paths = _required(pattern, matches(pattern, base=base))
    code = class_code(name)
    return [VectorEntry(path=path, code=code) for path in paths]


def _required(text: str, found: list[Path]) -> list[Path]:
    if not found:
        raise MissingInputError(
            f"--vectors {text}: there is no such file or folder, and no file fits it as a pattern"
        )
    return found


def _plan_entry(entry: VectorEntry, *, mapping: ClassMapping, classes: str) -> _EntryPlan:
    layers = [
        layer
        for path, label in entry.files()
        for layer in layers_of(path, label=label, text_fields=mapping.text_fields)
    ]
    planned = [found for layer in layers if (found := _plan_layer(layer, entry, mapping))]
    plan = _EntryPlan(
        is_delivery=entry.path.is_dir() or len(layers) > 1,
        layers=layers,
        planned=planned,
        coverage=[
            layer
            for layer in layers
            if not entry.code and any(map(mapping.is_coverage, layer.names))
        ],
    )
    if plan.empty and not plan.drawn and not entry.path.is_dir():
        raise EmptyLayerError(
            f"{entry.path} has no features in {', '.join(plan.empty)}; give a file that has some, "
            "or leave it out"
        )
    if not planned and not plan.coverage:
        raise UnmappedLayerError(_unmapped_message(entry, layers, classes))
    return plan


def _plan_layer(
    layer: VectorLayer, entry: VectorEntry, mapping: ClassMapping
) -> PlannedLayer | None:
    if entry.code:
        name = next(item.name for item in CLASSES if item.code == entry.code)
        return PlannedLayer(
            layer=layer, rule=LayerRule(names=layer.names, land_class=name), is_assigned=True
        )
    for name in layer.names:
        rule = mapping.rule_for(name, fields=layer.fields)
        if rule:
            return PlannedLayer(layer=layer, rule=rule)
    return None


def _unmapped_message(entry: VectorEntry, layers: Sequence[VectorLayer], classes: str) -> str:
    found = ", ".join(sorted({layer.names[0] for layer in layers})) or "none"
    return (
        f"no layer of {entry.path} has a class in the mapping {classes!r}; its layers are: "
        f"{found}; give a mapping that names them with --classes, or a class for all of it with "
        f"--vectors {entry.path}=CLASS"
    )
