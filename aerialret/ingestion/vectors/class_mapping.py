"""Class mappings: in goes `bdtopo`, `osm` or a TOML file, out come rules from layers to classes.

The comments of `mappings/bdtopo.toml` beside this module explain the format. A new agency is a
new file, not code.
"""

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from aerialret.config.toml import parse_section
from aerialret.errors import ConfigurationError, UnreadableInputError
from aerialret.ingestion.vectors.class_rules import DropRule, LayerRule, MappingOption, class_code
from aerialret.ingestion.vectors.layer_names import plain_name
from aerialret.ingestion.vectors.line_width import WidthRule
from aerialret.tiles.palette import CLASSES, CODES

BUILT_IN = ("bdtopo", "osm")
"""Mappings that come with the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMapping:
    """How the layers of one agency become classes.

    Attributes:
        title: What the mapping is for.
        layers: Rules; the first whose name fits a layer counts.
        fields: Names of a field in the deliveries, by its meaning.
        drop: Features that are never drawn.
        widths: How wide lines are drawn, by class name.
        coverage: Layers whose polygons say where the vectors are complete.
        editions: Layer names that betray an edition; two editions at once are refused.
        options: What a source can switch on, by name.
    """

    title: str = ""
    layers: tuple[LayerRule, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drop: tuple[DropRule, ...] = ()
    widths: Mapping[str, WidthRule] = field(default_factory=dict)
    coverage: tuple[str, ...] = ()
    editions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, MappingOption] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.widths:
            class_code(name)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons for which features are not drawn, in the order of the alphabet."""
        cases = [case for rule in self.layers for case in rule.cases]
        found = {drop.reason for drop in self.drop} | {case.drop for case in cases}
        return tuple(sorted(found - {""}))

    @property
    def text_fields(self) -> frozenset[str]:
        """Fields whose values matter, in lower case, whole and cut to ten letters."""
        cases = [case for rule in self.layers for case in rule.cases]
        asked = {meaning for case in cases for meaning in case.where}
        asked |= {rule.field for rule in self.layers} | {drop.field for drop in self.drop}
        asked |= {meaning for width in self.widths.values() for meaning in width.meanings}
        names = {
            name.casefold() for meaning in asked for name in self.fields.get(meaning, (meaning,))
        }
        return frozenset(names | {name[:10] for name in names}) - {""}

    def rule_for(self, layer: str, *, fields: Iterable[str]) -> LayerRule | None:
        """The rule of a layer that has `fields`, or None where it has no class.

        A rule without a class of its own needs at least one field that its cases ask for.
        """
        names = list(fields)
        for rule in self.layers:
            if any(_is_named(layer, pattern) for pattern in rule.names):
                asked = {meaning for case in rule.cases for meaning in case.where}
                known = any(self.column(meaning, fields=names) for meaning in asked)
                return rule if rule.land_class or known else None
        return None

    def is_coverage(self, layer: str) -> bool:
        """Whether the polygons of `layer` say where the vectors are complete."""
        return any(_is_named(layer, pattern) for pattern in self.coverage)

    def width_of(self, code: int) -> WidthRule:
        """How wide lines of a class are drawn."""
        name = next(land_class.name for land_class in CLASSES if land_class.code == code)
        return self.widths.get(name, WidthRule())

    def column(self, meaning: str, *, fields: Iterable[str]) -> str | None:
        """The field among `fields` that carries `meaning`, or None.

        Args:
            meaning: A key of the mapping's `fields`, or a field's own name.
            fields: Names of a layer's fields, in any letter case, maybe cut to ten letters.
        """
        names = list(fields)
        for wanted in self.fields.get(meaning, (meaning,)):
            for name in names:
                if name.casefold() == wanted.casefold():
                    return name
        for wanted in self.fields.get(meaning, (meaning,)):
            for name in names:
                if len(name) == 10 and wanted.casefold().startswith(name.casefold()):
                    return name
        return None

    def editions_of(self, layers: Iterable[str]) -> dict[str, str]:
        """The editions that `layers` betray, each with the first layer that does."""
        found: dict[str, str] = {}
        for layer in layers:
            for edition, names in self.editions.items():
                if any(_is_named(layer, name) for name in names):
                    found.setdefault(edition, layer)
        return found


def read_mapping(name: str, *, base: Path = Path()) -> ClassMapping:
    """The mapping called `name`: a built-in one or a TOML file.

    Raises:
        ConfigurationError: There is none of that name, or it is not legal.
    """
    return parse_mapping(mapping_text(name, base=base), origin=name)


def with_choices(
    mapping: ClassMapping,
    *,
    line_width_m: float = 0.0,
    keep: Sequence[str] = (),
    options: Sequence[str] = (),
) -> ClassMapping:
    """A mapping as a source wants it.

    Args:
        mapping: The mapping.
        line_width_m: One width for all lines, in metres; 0: by their attributes.
        keep: Reasons for which it drops features, to be drawn after all.
        options: Names of options to switch on.

    Raises:
        ConfigurationError: It has no such reason or option.
    """
    for name in options:
        _check_known("mapping_options", name, sorted(mapping.options))
        for rule in mapping.options[name].layers:
            mapping = replace(mapping, layers=_with_rule(mapping.layers, rule))
    for reason in keep:
        _check_known("keep", reason, mapping.reasons)
    if keep:
        mapping = replace(
            mapping,
            drop=tuple(rule for rule in mapping.drop if rule.reason not in keep),
            layers=tuple(_without_drops(rule, keep) for rule in mapping.layers),
        )
    if line_width_m > 0:
        widths = {
            name: replace(mapping.width_of(CODES[name]), fixed_m=line_width_m) for name in CODES
        }
        mapping = replace(mapping, widths=widths)
    return mapping


def mapping_text(name: str, *, base: Path = Path()) -> str:
    """The TOML text of the mapping called `name`.

    Raises:
        ConfigurationError: There is none of that name.
        UnreadableInputError: It is not text.
    """
    if name in BUILT_IN:
        return (
            resources.files("aerialret.ingestion.vectors") / "mappings" / f"{name}.toml"
        ).read_text("utf-8")
    path = base / Path(name).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"class mapping {name!r} is neither built in ({', '.join(BUILT_IN)}) nor a file; "
            "give one of these or the path of a TOML file"
        )
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInputError(f"class mapping {path} cannot be read: {error}") from error


def parse_mapping(text: str, *, origin: str) -> ClassMapping:
    """The mapping that a TOML text describes.

    Args:
        text: The document.
        origin: Where it came from, for messages.

    Raises:
        ConfigurationError: A key or value is not legal.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"class mapping {origin} is not valid TOML: {error}") from error
    return parse_section(ClassMapping, content, origin=f"class mapping {origin}")


def _is_named(layer: str, pattern: str) -> bool:
    wanted = pattern.casefold()
    name = layer.rpartition(":")[2].casefold()
    return fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(plain_name(layer), wanted)


def _with_rule(rules: tuple[LayerRule, ...], added: LayerRule) -> tuple[LayerRule, ...]:
    names = {name.casefold() for name in added.names}
    if not any(_shares(rule, names) for rule in rules):
        return (added, *rules)
    return tuple(
        replace(rule, cases=(*rule.cases, *added.cases)) if _shares(rule, names) else rule
        for rule in rules
    )


def _shares(rule: LayerRule, names: set[str]) -> bool:
    return any(name.casefold() in names for name in rule.names)


def _without_drops(rule: LayerRule, keep: Sequence[str]) -> LayerRule:
    return replace(rule, cases=tuple(case for case in rule.cases if case.drop not in keep))


def _check_known(key: str, given: str, legal: Sequence[str]) -> None:
    if given not in legal:
        raise ConfigurationError(
            f"{key} names {given!r}, but the class mapping has: {', '.join(legal) or 'none'}"
        )
