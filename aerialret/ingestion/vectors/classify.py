"""Features to classes: a layer's fields and its rule go in, a class or a reason comes out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.ingestion.vectors.class_mapping import ClassMapping
from aerialret.ingestion.vectors.class_rules import Case, DropRule, LayerRule, class_code
from aerialret.ingestion.vectors.folding import fold, fold_all
from aerialret.ingestion.vectors.ground_shapes import Geometries, is_line, is_polygon

NO_CLASS = "no class"
"""The reason of features that no case names, in layers without a class of their own."""


class Classification(NamedTuple):
    """The class of each feature of a layer.

    Attributes:
        codes: Class codes; 0 where a feature is not drawn.
        reasons: Empty, or why a feature is not drawn.
        meant: Class codes, of features that are not drawn as well; 0: the layer has none.
        unknown: How often the layer's field has values that its rule does not know.
    """

    codes: NDArray[np.uint8]
    reasons: NDArray[np.object_]
    meant: NDArray[np.uint8]
    unknown: Counter[str]


def meanings_of(rule: LayerRule, *, mapping: ClassMapping) -> list[str]:
    """The fields that classifying and drawing a layer needs, by their meaning."""
    classes = {rule.land_class, *(case.land_class for case in rule.cases)} - {""}
    wanted = {rule.field, *(meaning for case in rule.cases for meaning in case.where)}
    wanted |= {drop.field for drop in mapping.drop}
    for name in classes:
        wanted |= set(mapping.width_of(class_code(name)).meanings)
    return sorted(wanted - {""})


def classify(
    columns: Mapping[str, pd.Series],
    geometries: Geometries,
    *,
    rule: LayerRule,
    drops: Iterable[DropRule],
) -> Classification:
    """The class of each feature.

    Args:
        columns: Values by meaning; fields that the layer lacks are absent.
        geometries: Lines, polygons or points.
        rule: The layer's rule.
        drops: Rules for features that are not drawn.
    """
    folded = {meaning: _folded(column) for meaning, column in columns.items()}
    count = len(geometries)
    codes = np.full(count, class_code(rule.land_class) if rule.land_class else 0, np.uint8)
    reasons: NDArray[np.object_] = np.full(count, "" if rule.land_class else NO_CLASS, dtype=object)
    for case in reversed(rule.cases):  # the first case has the last word
        fits = _fits(case, folded, geometries)
        codes[fits] = class_code(case.land_class) if case.land_class else 0
        reasons[fits] = case.drop
    own = class_code(rule.land_class) if rule.land_class else 0
    meant: NDArray[np.uint8] = np.where(reasons == "", codes, own).astype(np.uint8)
    for drop in drops:
        dropped = _dropped(drop, columns, folded, count=count) & (reasons == "")
        codes[dropped] = 0
        reasons[dropped] = drop.reason
    return Classification(codes, reasons, meant, _unknown(columns, folded, rule))


def _fits(case: Case, folded: Mapping[str, pd.Series], geometries: Geometries) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = np.ones(len(geometries), bool)
    if case.geometry:
        fits &= is_line(geometries) if case.geometry == "line" else is_polygon(geometries)
    for meaning, values in case.where.items():
        if meaning not in folded:
            return np.zeros(len(geometries), bool)
        column = folded[meaning]
        if "*" in values:
            fits &= ~column.isin(("", "no")).to_numpy()
        else:
            fits &= column.isin(fold_all(values)).to_numpy()
    return fits


def _dropped(
    drop: DropRule,
    columns: Mapping[str, pd.Series],
    folded: Mapping[str, pd.Series],
    *,
    count: int,
) -> NDArray[np.bool_]:
    dropped: NDArray[np.bool_] = np.zeros(count, bool)
    if drop.field not in columns:
        return dropped
    dropped |= folded[drop.field].isin(fold_all(drop.values)).to_numpy()
    if drop.negative:
        numbers = pd.to_numeric(columns[drop.field], errors="coerce")
        dropped |= (numbers < 0).to_numpy(bool, na_value=False)
    return dropped


def _unknown(
    columns: Mapping[str, pd.Series], folded: Mapping[str, pd.Series], rule: LayerRule
) -> Counter[str]:
    if rule.field not in folded:
        return Counter()
    named = [value for case in rule.cases for value in case.where.get(rule.field, ())]
    known = fold_all([*named, *rule.other_values])
    strange = ~folded[rule.field].isin(known)
    return Counter(_text(value) or "(empty)" for value in columns[rule.field][strange])


def _folded(column: pd.Series) -> pd.Series:
    texts = column.map(_text, na_action=None).astype(object)
    keys = {text: fold(text) for text in set(texts)}
    return texts.map(keys)


def _text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
