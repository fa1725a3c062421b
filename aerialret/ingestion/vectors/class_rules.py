"""Rules of a class mapping: what a layer's features become, and which are left out."""

from collections.abc import Mapping
from dataclasses import dataclass

from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.folding import fold
from aerialret.tiles.palette import CLASSES

GEOMETRIES = ("", "line", "polygon")


def class_code(text: str) -> int:
    """The code of a class given by its name, its French name or its code.

    Raises:
        ConfigurationError: It is none of them.
    """
    wanted = fold(text)
    for land_class in CLASSES:
        if wanted in (land_class.name, fold(land_class.french), str(land_class.code)):
            return land_class.code
    legal = ", ".join(f"{land_class.code} {land_class.name}" for land_class in CLASSES)
    raise ConfigurationError(f"{text!r} is no class; the classes are {legal}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRule:
    """Features that are not drawn, in every layer that has the field.

    Attributes:
        reason: What the report calls it.
        field: Meaning or name of the field.
        values: Values that drop a feature.
        negative: Numbers below zero drop a feature.
    """

    reason: str
    field: str
    values: tuple[str, ...] = ()
    negative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Features of a layer that are told by their values; the first case that fits counts.

    Attributes:
        where: Values by field; all fields must fit, and `*` is any value but `no`.
        land_class: The class they get, or
        drop: the reason why they get none.
        geometry: Only lines, only polygons, or both.
    """

    where: Mapping[str, tuple[str, ...]]
    land_class: str = ""
    drop: str = ""
    geometry: str = ""

    def __post_init__(self) -> None:
        if bool(self.land_class) == bool(self.drop):
            raise ConfigurationError(f"case {dict(self.where)} needs either land_class or drop")
        if self.geometry not in GEOMETRIES:
            raise ConfigurationError(f"geometry is {self.geometry!r}, but must be line or polygon")
        if self.land_class:
            class_code(self.land_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRule:
    """What the features of a layer become.

    Attributes:
        names: Names of the layer or patterns with `*`, in any letter case.
        land_class: The class of features that no case names; empty: they are left out.
        field: The field whose unknown values are counted in the report.
        other_values: Known values of `field` that no case names.
        cases: Exceptions, tried in order.
    """

    names: tuple[str, ...]
    land_class: str = ""
    field: str = ""
    other_values: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()

    def __post_init__(self) -> None:
        if self.land_class:
            class_code(self.land_class)

    @property
    def classes(self) -> frozenset[str]:
        """Names of the classes that its features can get."""
        return frozenset({self.land_class, *(case.land_class for case in self.cases)} - {""})


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingOption:
    """What a class mapping can draw, too, or leave out; off unless a source names it.

    Attributes:
        title: What it does.
        layers: Rules of layers that the mapping leaves out; or, for a layer that it names, cases
            that are tried after its own.
    """

    title: str = ""
    layers: tuple[LayerRule, ...] = ()
