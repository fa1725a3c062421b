"""Widths of lines: the values of a layer's fields go in, metres come out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.ingestion.vectors.folding import fold, fold_all

_NUMBER = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*m?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWidth:
    """Widths of lines of some kinds.

    Attributes:
        values: The kinds.
        lane_m: Metres for each lane or track; 0: the class's own.
        least_m: Never less than this, where lanes are counted.
        default_m: The width where nothing else is known.
    """

    values: tuple[str, ...]
    lane_m: float = 0.0
    least_m: float = 0.0
    default_m: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthRule:
    """Widths of a class's lines: the width field, else lanes, else the kind, else the default.

    Attributes:
        field: Meaning of the field that holds metres; 0, empty and words are unknown.
        lanes: Meaning of the field that counts lanes or tracks.
        kind: Meaning of the field that tells the kinds.
        lane_m: Metres for each lane or track; 0: lanes do not count.
        least_m: Never less than this, where lanes are counted.
        default_m: The width where nothing else is known.
        fixed_m: One width for all lines; 0: none.
        kinds: Widths that depend on the kind.
    """

    field: str = ""
    lanes: str = ""
    kind: str = ""
    lane_m: float = 0.0
    least_m: float = 0.0
    default_m: float = 3.0
    fixed_m: float = 0.0
    kinds: tuple[KindWidth, ...] = ()

    @property
    def meanings(self) -> tuple[str, ...]:
        """The fields that the rule looks at, by their meaning."""
        return tuple(meaning for meaning in (self.field, self.lanes, self.kind) if meaning)

    def metres(self, columns: Mapping[str, pd.Series], *, count: int) -> NDArray[np.float64]:
        """The width of each of `count` lines.

        Args:
            columns: Values by meaning; fields that the layer lacks are absent.
            count: How many lines there are.
        """
        if self.fixed_m > 0:
            return np.full(count, self.fixed_m)
        widths = self._by_kind(columns, count=count)
        given = known_numbers(columns.get(self.field), count=count)
        return np.where(given > 0, given, widths)

    def _by_kind(self, columns: Mapping[str, pd.Series], *, count: int) -> NDArray[np.float64]:
        lanes = known_numbers(columns.get(self.lanes), count=count)
        widths = _with_lanes(lanes, self.lane_m, self.least_m, self.default_m)
        if self.kind not in columns:
            return widths
        kinds = columns[self.kind].map(lambda value: fold(str(value)))
        for rule in self.kinds:
            lane_m, least_m = (
                (rule.lane_m, rule.least_m) if rule.lane_m else (self.lane_m, self.least_m)
            )
            chosen = kinds.isin(fold_all(rule.values)).to_numpy()
            widths = np.where(chosen, _with_lanes(lanes, lane_m, least_m, rule.default_m), widths)
        return widths


def known_numbers(values: pd.Series | None, *, count: int) -> NDArray[np.float64]:
    """Positive numbers in `values`, as in `5,5` or `3 m`; 0 where there is none."""
    if values is None:
        return np.zeros(count)
    return np.array([_number(value) for value in values], np.float64)


def _number(value: object) -> float:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        return float(match.group(1).replace(",", ".")) if match else 0.0
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        return 0.0
    return max(float(value), 0.0)


def _with_lanes(
    lanes: NDArray[np.float64], lane_m: float, least_m: float, default_m: float
) -> NDArray[np.float64]:
    counted = (lanes > 0) & (lane_m > 0)
    metres: NDArray[np.float64] = np.where(counted, np.maximum(lanes * lane_m, least_m), default_m)
    return metres
