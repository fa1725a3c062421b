"""The calibration of a model: `calibration.json` goes in, what the scores of a search mean comes.

It lies in the model's folder and is no part of the model's content: the model is the same without.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from aerialret.atomic import write_bytes, write_text
from aerialret.errors import ArtefactVersionError, NotAnArtefactError, StaleArtefactError
from aerialret.retrieval.evidence import NAMES

CALIBRATION_NAME = "calibration.json"
FORMAT_VERSION = 3
"""What older formats tell of second looks is not taken.

2: they score otherwise. 3: the number of tiles had told which places were taken out.
"""

_SECOND_LOOKS = "cells"

FOUND = "found"
UNCERTAIN = "uncertain"
ABSENT = "not in this index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A logistic curve from evidence to the probability that the first result is right.

    Attributes:
        bias: Log odds without any evidence.
        weights: Log odds for each unit of the evidence, in the order of `evidence.NAMES`; none is
            negative, so that more evidence never makes an answer less probable.
        most_tiles: Of larger galleries it knows nothing: they count as if they had so many.
    """

    bias: float
    weights: tuple[float, ...]
    most_tiles: int

    def probability(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each search: float64 [n]."""
        known = evidence.copy()
        known[:, NAMES.index("gallery")] = np.minimum(
            known[:, NAMES.index("gallery")], np.log(self.most_tiles)
        )
        result: NDArray[np.float64] = expit(self.bias + known @ np.array(self.weights))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the scores of photos that are described in one way mean.

    Attributes:
        first: The probability that the first result is right.
        folds: The same, each learnt without the places of one fold.
        absent_if_wrong: Share of photos from outside the index among those whose first result is
            wrong.
        later_if_wrong: Share of photos whose place is among the next results, among the other
            photos whose first result is wrong.
        temperature: By how much the score of one of the next results must be larger for it to be
            e times as probable.
        found_from: Least probability of the first answer of photos that count as found.
        refused_from: Least probability of being outside of photos that are refused; None where
            refusals would be wrong too often.
        measured: Counts, and what was reached, for people.
    """

    first: Curve
    folds: tuple[Curve, ...]
    absent_if_wrong: float
    later_if_wrong: float
    temperature: float
    found_from: float | None
    refused_from: float | None
    measured: Mapping[str, Any] = field(default_factory=dict)

    def absent(self, first: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability that a photo is from outside the index, by that of its first result."""
        return (1 - first) * self.absent_if_wrong

    def later(self, first: float, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each of the next results: float64 [k].

        Args:
            first: The probability of the first result.
            scores: float [k], of the next results.
        """
        if not len(scores):
            return np.zeros(0)
        mass = (1 - first) * (1 - self.absent_if_wrong) * self.later_if_wrong
        shares: NDArray[np.float64] = mass * softmax(np.asarray(scores) / self.temperature)
        return shares

    def verdict(self, *, best: float, absent: float) -> str:
        """found, uncertain, or not in this index.

        Args:
            best: The probability of the most probable answer.
            absent: The probability that the photo is from outside the index.
        """
        if self.found_from is not None and best >= self.found_from:
            return FOUND
        if self.refused_from is not None and absent >= self.refused_from:
            return ABSENT
        return UNCERTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalibration:
    """The calibration of a model.

    Attributes:
        model: Content hash of the model.
        tile_set: Content hash of the tile set it was measured on.
        grid: That tile set's grid.
        queries: Date of the photos.
        gallery: Date of the gallery.
        seed: Seed of the photos.
        rotations: Turns of each photo that were tried.
        protocols: How the photos were cut, in equal parts.
        seen: What the gallery was described by.
        tiles: Of the gallery.
        absent_share: Share of the photos whose place was taken out of the gallery. Probabilities
            are those among photos of which this share is from outside the index.
        places: The places that were asked about, and the fold of each.
        by: The calibration of photos by how they are asked about, see `asked_by`.
    """

    model: str
    tile_set: str
    grid: Mapping[str, Any]
    queries: str
    gallery: str
    seed: int
    rotations: int
    protocols: tuple[str, ...]
    seen: str
    tiles: int
    absent_share: float
    places: Mapping[str, int]
    by: Mapping[str, Calibration]

    def of(self, modality: str, *, rerank: str) -> Calibration | None:
        """The calibration of photos described by `modality`; None where there is none.

        Args:
            modality: What the photos are described by.
            rerank: How the first results are checked.
        """
        return self.by.get(asked_by(modality, rerank=rerank))


def asked_by(modality: str, *, rerank: str) -> str:
    """How photos are asked about: what they are described by, and how results are checked."""
    return modality if rerank == "none" else f"{modality}, {rerank}"


def write_calibration(calibration: ModelCalibration, folder: Path) -> Path:
    """Writes `calibration.json` into `folder` in one step; its path."""
    values = {"format_version": FORMAT_VERSION, **asdict(calibration)}
    text = json.dumps(values, indent=2, ensure_ascii=False)
    write_text(folder / CALIBRATION_NAME, text + "\n")
    return folder / CALIBRATION_NAME


def read_calibration(folder: Path, *, model: str) -> ModelCalibration | None:
    """The calibration in `folder`, or None where there is none.

    Args:
        folder: A model, or the copy of one inside an index.
        model: Content hash of the model that it must be of.

    Raises:
        NotAnArtefactError: It cannot be read.
        ArtefactVersionError: Its format is newer than this version reads.
        StaleArtefactError: It is of another model.
    """
    path = folder / CALIBRATION_NAME
    if not path.is_file():
        return None
    again = "run 'aerialret calibrate' again"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = int(values.pop("format_version"))
        if version > FORMAT_VERSION:
            raise ArtefactVersionError(
                f"{path} has format {version}, but this version of aerialret reads formats up to "
                f"{FORMAT_VERSION}; upgrade aerialret or {again}"
            )
        found = _model_calibration(values)
        found = found if version >= FORMAT_VERSION else _without_second_looks(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotAnArtefactError(f"{path} is no readable calibration ({error}); {again}") from error
    if found.model != model:
        raise StaleArtefactError(
            f"{path} is of model {found.model[:12]}, but the model there is {model[:12]}; {again}"
        )
    return found


def copy_calibration(model: Path, copy: Path, *, content_hash: str) -> None:
    """Gives a copy of a model the calibration that the model has now, or none where it has none.

    Args:
        model: The model's folder.
        copy: The folder of the copy.
        content_hash: Of the model.

    Raises:
        StaleArtefactError: The calibration is of another model.
    """
    if read_calibration(model, model=content_hash) is None:
        (copy / CALIBRATION_NAME).unlink(missing_ok=True)
    else:
        write_bytes(copy / CALIBRATION_NAME, (model / CALIBRATION_NAME).read_bytes())


def forget_second_looks(folder: Path, *, model: str) -> None:
    """Takes out of a model's calibration what it tells of second looks, as they changed.

    Args:
        folder: The model's.
        model: Its content hash.

    Raises:
        StaleArtefactError: The calibration is of another model.
    """
    found = read_calibration(folder, model=model)
    if found is not None:
        write_calibration(_without_second_looks(found), folder)


def _without_second_looks(found: ModelCalibration) -> ModelCalibration:
    theirs = asked_by("", rerank=_SECOND_LOOKS)
    kept = {name: each for name, each in found.by.items() if not name.endswith(theirs)}
    return replace(found, by=kept)


def _model_calibration(values: dict[str, Any]) -> ModelCalibration:
    by = {name: _calibration(each) for name, each in values.pop("by").items()}
    return ModelCalibration(**{**values, "protocols": tuple(values["protocols"])}, by=by)


def _calibration(values: dict[str, Any]) -> Calibration:
    first, folds = _curve(values.pop("first")), tuple(map(_curve, values.pop("folds")))
    return Calibration(first=first, folds=folds, **values)


def _curve(values: dict[str, Any]) -> Curve:
    return Curve(**{**values, "weights": tuple(values["weights"])})
