"""Vector layers of one part looked at: files go in, their layers, classes and gaps come out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aerialret.checking.inventory import SkippedFile
from aerialret.checking.layer_classes import (
    asked_fields,
    classes_of,
    guessed_class,
    layers_that_give,
)
from aerialret.checking.parts import Part
from aerialret.errors import AerialretError
from aerialret.ingestion.crs import crs_name
from aerialret.ingestion.vectors.class_mapping import BUILT_IN, ClassMapping, read_mapping
from aerialret.ingestion.vectors.class_rules import LayerRule
from aerialret.ingestion.vectors.vector_layers import VectorLayer, layers_of
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import CLASSES

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLayer:
    """One vector layer.

    Attributes:
        path: The file.
        name: Its name, as class rules know it.
        features: How many it has.
        crs: Its coordinate system; empty: it says none.
        bounds: The rectangle around its features in that.
        classes: Classes that its features can get; empty: it is not drawn.
        is_coverage: Whether it says where the vectors are complete.
        lacking_fields: Fields that the class mapping asks for and the layer has not.
    """

    path: Path
    name: str
    features: int
    crs: str
    bounds: Bounds | None
    classes: tuple[str, ...] = ()
    is_coverage: bool = False
    lacking_fields: tuple[str, ...] = ()

    @property
    def is_drawn(self) -> bool:
        """Whether its features show in the masks."""
        return bool(self.classes and self.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """The vector layers of one delivery, or loose ones.

    Attributes:
        part: Their files and what the names say.
        mapping: The class mapping that names most of them.
        mapping_title: What that mapping is for.
        layers: The layers.
        damaged: Files that cannot be read.
        editions: Editions that the layers' names betray, each with one such layer.
        encodings: Encodings of the texts and how each was told, with the number of layers.
        text_warnings: Wrong marks of encodings.
        empty_classes: Classes that no feature can get.
        absent_layers: For each of them, layers of this edition that would give it.
        guessed_class: The class that the files' names suggest where no layer is mapped.
    """

    part: Part
    mapping: str
    mapping_title: str
    layers: tuple[CheckedLayer, ...]
    damaged: tuple[SkippedFile, ...]
    editions: dict[str, str]
    encodings: dict[str, int]
    text_warnings: tuple[str, ...]
    empty_classes: tuple[str, ...]
    absent_layers: dict[str, tuple[str, ...]]
    guessed_class: str = ""

    @property
    def drawn(self) -> tuple[CheckedLayer, ...]:
        """Layers whose features show in the masks."""
        return tuple(layer for layer in self.layers if layer.is_drawn)

    @property
    def unmapped(self) -> tuple[CheckedLayer, ...]:
        """Layers without a class."""
        return tuple(layer for layer in self.layers if not layer.classes and not layer.is_coverage)

    @property
    def without_crs(self) -> tuple[CheckedLayer, ...]:
        """Layers to draw that do not say what they are in."""
        return tuple(layer for layer in self.drawn if not layer.crs)

    @property
    def is_mixed(self) -> bool:
        """Whether layers of two editions lie together, which `ingest` refuses."""
        return len(self.editions) > 1

    @property
    def is_usable(self) -> bool:
        """Whether `ingest` can draw something of it."""
        return bool(self.drawn or self.guessed_class) and not self.is_mixed


def check_layers(part: Part, *, classes: str, base: Path, progress: Progress) -> Vectors:
    """What `ingest` would find in the vector files of a part.

    Args:
        part: The files.
        classes: The class mapping; empty: the built-in one that names most layers.
        base: The folder that a relative mapping refers to.
        progress: Called with a stage, files done, files in all.

    Raises:
        ConfigurationError: There is no such mapping.
    """
    layers, damaged = _read(part.files, progress=progress)
    name, mapping = _best_mapping(layers, [classes] if classes else BUILT_IN, base=base)
    checked = tuple(_checked(layer, mapping) for layer in layers)
    drawn = [layer for layer in checked if layer.is_drawn]
    editions = mapping.editions_of(layer.name for layer in drawn)
    given = {land_class for layer in drawn for land_class in layer.classes}
    empty = tuple(item.name for item in CLASSES if item.name not in given) if drawn else ()
    absent = {item: layers_that_give(item, mapping, editions=editions) for item in empty}
    features = any(layer.features for layer in checked)
    return Vectors(
        part=part,
        mapping=name,
        mapping_title=mapping.title,
        layers=checked,
        damaged=tuple(damaged),
        editions=editions,
        encodings=_encodings(layers),
        text_warnings=tuple(
            dict.fromkeys(
                f"{item.label}: {item.text.warning}" for item in layers if item.text.warning
            )
        ),
        empty_classes=empty,
        absent_layers={item: names for item, names in absent.items() if names},
        guessed_class=guessed_class(part.files) if features and not drawn else "",
    )


def _read(
    files: Sequence[Path], *, progress: Progress
) -> tuple[list[VectorLayer], list[SkippedFile]]:
    layers: list[VectorLayer] = []
    damaged: list[SkippedFile] = []
    for number, path in enumerate(files, start=1):
        try:
            layers += layers_of(path, label=path.name)
        except AerialretError as error:
            damaged.append(SkippedFile(path=path, reason=str(error.__cause__ or error)))
        progress("vector files", number, len(files))
    return layers, damaged


def _encodings(layers: Sequence[VectorLayer]) -> dict[str, int]:
    told = Counter(
        f"{layer.encoding} (from {layer.text.origin})" for layer in layers if layer.encoding
    )
    return dict(sorted(told.items(), key=lambda item: (-item[1], item[0])))


def _best_mapping(
    layers: Sequence[VectorLayer], names: Iterable[str], *, base: Path
) -> tuple[str, ClassMapping]:
    read = [(name, read_mapping(name, base=base)) for name in names]
    return max(read, key=lambda item: sum(_rule(layer, item[1]) is not None for layer in layers))


def _rule(layer: VectorLayer, mapping: ClassMapping) -> LayerRule | None:
    found = (mapping.rule_for(name, fields=layer.fields) for name in layer.names)
    return next((rule for rule in found if rule), None)


def _checked(layer: VectorLayer, mapping: ClassMapping) -> CheckedLayer:
    rule = _rule(layer, mapping)
    known = [name for name in layer.names if mapping.rule_for(name, fields=layer.fields)]
    asked = asked_fields(rule, mapping) if rule else {}
    return CheckedLayer(
        path=layer.path,
        name=known[0] if known else layer.names[0],
        features=layer.feature_count,
        crs=crs_name(layer.crs) if layer.crs else "",
        bounds=layer.bounds,
        classes=classes_of(rule, mapping, fields=layer.fields) if rule else (),
        is_coverage=any(map(mapping.is_coverage, layer.names)),
        lacking_fields=tuple(
            f"{names[0]} ({use})"
            for (meaning, use), names in asked.items()
            if not mapping.column(meaning, fields=layer.fields)
        ),
    )
