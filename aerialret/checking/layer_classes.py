"""What a class mapping says of layers: a rule goes in, its classes and the fields it needs out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from aerialret.ingestion.vectors.class_mapping import ClassMapping
from aerialret.ingestion.vectors.class_rules import LayerRule, class_code
from aerialret.ingestion.vectors.folding import fold
from aerialret.tiles.palette import CLASSES

_LINES = ("road", "rail")
_WORDS = {
    "building": ("building", "batiment", "bati", "house", "maison"),
    "road": ("road", "route", "street", "rue"),
    "water": ("water", "eau", "lake", "lac", "river"),
    "vegetation": ("vegetation", "forest", "foret", "wood", "tree"),
    "rail": ("rail", "railway", "voie ferree"),
    "cemetery": ("cemetery", "cimetiere"),
    "airport": ("runway", "piste", "airport"),
    "sport": ("sport", "pitch", "terrain"),
}


def classes_of(
    rule: LayerRule, mapping: ClassMapping, *, fields: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The classes that the features of a layer can get, its own first.

    Args:
        rule: The layer's rule.
        mapping: The mapping that it is of.
        fields: The layer's fields; cases that ask for others cannot hold. None: all cases count.
    """
    cases = [
        case
        for case in rule.cases
        if fields is None or all(mapping.column(name, fields=fields) for name in case.where)
    ]
    names = [rule.land_class, *(case.land_class for case in cases)]
    return tuple(dict.fromkeys(name for name in names if name))


def asked_fields(rule: LayerRule, mapping: ClassMapping) -> dict[tuple[str, str], tuple[str, ...]]:
    """The fields that a rule asks for: by meaning and use, the names they go by."""
    if not rule.land_class:  # any of its cases' fields will do
        return {}
    uses = {meaning: "tells the class" for case in rule.cases for meaning in case.where}
    width = mapping.width_of(class_code(rule.land_class)).field if rule.land_class in _LINES else ""
    if width:
        uses.setdefault(width, "tells the width")
    return {
        (meaning, use): tuple(mapping.fields.get(meaning, (meaning,)))
        for meaning, use in uses.items()
    }


def layers_that_give(
    land_class: str, mapping: ClassMapping, *, editions: Iterable[str]
) -> tuple[str, ...]:
    """Names of layers of these editions that have features of a class, as far as names are plain.

    A rule names one layer for each edition, the oldest first.
    """
    found: list[str] = []
    for rule in mapping.layers:
        if land_class in classes_of(rule, mapping) and "*" not in "".join(rule.names):
            found += _of_editions(rule.names, mapping, editions=tuple(editions))
    return tuple(dict.fromkeys(found))


def guessed_class(files: Sequence[Path]) -> str:
    """The class that the names of all `files` suggest, or nothing."""
    guesses = {_guess(path.stem) for path in files}
    return guesses.pop() if len(guesses) == 1 else ""


def _of_editions(
    names: Sequence[str], mapping: ClassMapping, *, editions: Sequence[str]
) -> list[str]:
    ordered = sorted(mapping.editions)
    betrayed = {name: mapping.editions_of([name]) for name in names}
    if any(betrayed.values()):
        return [name for name in names if set(betrayed[name]) & set(editions)]
    if len(editions) == 1 and len(names) == len(ordered):
        return [names[ordered.index(editions[0])]]
    return list(names)


def _guess(stem: str) -> str:
    text = f" {fold(stem)} "
    for item in CLASSES:
        words = (item.name, *_WORDS.get(item.name, ()))
        if any(f" {word} " in text or f" {word}s " in text for word in words):
            return item.name
    return ""
