import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from aerialret.errors import (
    ArtefactVersionError,
    NotAnArtefactError,
    NothingToDoError,
    StaleArtefactError,
)
from aerialret.evaluation.calibration.calibrate import PROTOCOLS, calibrate
from aerialret.evaluation.calibration.fitting import FOLDS, fit, fit_curve
from aerialret.evaluation.calibration.places import folds_of, held_out_places
from aerialret.evaluation.calibration.reliability import (
    brier_score,
    calibration_error,
    precision_recall,
    reliability_bins,
)
from aerialret.evaluation.calibration.searches import (
    Searches,
    joined,
    searches_of,
    searches_of_lists,
)
from aerialret.evaluation.calibration.thresholds import cross_fitted, with_thresholds
from aerialret.evaluation.comparisons import Dates
from aerialret.network.checkpoint import Model
from aerialret.retrieval.calibration import (
    ABSENT,
    CALIBRATION_NAME,
    FORMAT_VERSION,
    FOUND,
    UNCERTAIN,
    Calibration,
    Curve,
    asked_by,
    copy_calibration,
    forget_second_looks,
    read_calibration,
    write_calibration,
)
from aerialret.retrieval.evidence import DEPTH, OTHERS, evidence_of, lies_elsewhere
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from tests.calibration_model import model_to_calibrate
from tests.tiny_tileset import tiny_tileset

DATES = Dates(queries="2019", gallery="2004")
CURVE = Curve(bias=-2.0, weights=(1.0, 4.0, 0.5, 0.2), most_tiles=100)
CALIBRATION = Calibration(
    first=CURVE, folds=(CURVE,) * FOLDS, absent_if_wrong=0.8, later_if_wrong=0.6, temperature=0.05,
    found_from=0.9, refused_from=0.7,
)  # fmt: skip


def squares(count: int, *, step: float = 3.0) -> NDArray[np.float64]:
    """float64 [count, 4]: squares of side 1 in a row, that do not touch by default."""
    left = step * np.arange(count)
    return np.stack([left, np.zeros(count), left + 1, np.ones(count)], axis=1)


def drawn_scores(photos: int, tiles: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Scores in which the right tile, row i for photo i, stands out for most photos."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.3, 0.08, size=(photos, tiles))
    rows = np.arange(photos)
    scores[rows, rows] += rng.choice([0.0, 0.15, 0.5], size=photos)
    return scores.astype(np.float32)


def drawn_searches(photos: int = 60, tiles: int = 90) -> Searches:
    return searches_of(
        drawn_scores(photos, tiles), np.arange(photos), bounds=squares(tiles),
        neutral=[None] * photos, seed=3,
    )  # fmt: skip


def slow_evidence(scores: list[float], elsewhere: list[bool], gallery: int) -> list[float]:
    others = [s for s, far in zip(scores, elsewhere, strict=True) if far and s > -math.inf]
    others = others[:OTHERS]
    gap = scores[0] - others[0] if others else 0.0
    lead = scores[0] - sum(others) / len(others) if others else 0.0
    return [scores[0], gap, math.log(max(lead, 0.0) + 0.02), math.log(gallery)]


def test_evidence_equals_that_of_a_loop() -> None:
    rng = np.random.default_rng(1)
    scores = -np.sort(-rng.normal(size=(9, DEPTH)).astype(np.float32), axis=1)
    scores[4, 6:] = -np.inf
    elsewhere = rng.uniform(size=scores.shape) < 0.7
    elsewhere[:, 0] = False
    elsewhere[7] = False  # nothing to hold the first against
    found = evidence_of(scores, elsewhere, gallery=33)
    slow = [
        slow_evidence(row.tolist(), far.tolist(), 33)
        for row, far in zip(scores, elsewhere, strict=True)
    ]
    np.testing.assert_allclose(found, slow, rtol=1e-5, atol=1e-6)


def test_tiles_that_touch_or_overlap_are_not_elsewhere() -> None:
    bounds = np.array([[10, 20, 14, 24], [14, 20, 18, 24], [14, 24, 18, 28], [12, 22, 16, 26],
                       [15, 20, 19, 24], [10, 25, 14, 29]], np.float64)  # fmt: skip
    expected = [False, False, False, False, True, True]
    assert lies_elsewhere(bounds[None])[0].tolist() == expected


def test_no_searches_have_no_evidence() -> None:
    assert evidence_of(np.empty((0, 5), np.float32), np.empty((0, 5), bool), gallery=5).size == 0


def test_a_search_without_the_place_finds_it_nowhere() -> None:
    found = drawn_searches()
    absent = found.some(found.absent)
    assert not absent.right.any()
    assert (absent.position == -1).all()
    assert found.right[~found.absent].any()


def test_parts_of_the_gallery_are_searched_with_the_right_place_among_them() -> None:
    found = drawn_searches(photos=60, tiles=90)
    sizes = np.exp(found.evidence[:, 3]).round().astype(int)
    assert set(sizes[found.whole]) == {90}
    assert set(sizes[~found.whole]) == {22}  # a quarter; a sixteenth would be too few
    assert not found.right[found.absent].any()
    assert found.right[~found.whole & ~found.absent].any()


def test_the_number_of_tiles_does_not_tell_whether_the_place_was_taken_out() -> None:
    rng = np.random.default_rng(6)
    rows = np.stack([rng.permutation(50)[:30] for _ in range(40)])
    scores = -np.sort(-rng.random((40, 30)).astype(np.float32), axis=1)
    listed = searches_of_lists(rows, scores, rows[:, 0], bounds=squares(50))
    for found in (listed, drawn_searches(photos=60, tiles=90)):
        sizes = found.evidence[:, 3]
        for whole in (True, False):
            of_part = found.whole == whole
            np.testing.assert_array_equal(
                np.unique(sizes[of_part & found.absent]), np.unique(sizes[of_part & ~found.absent])
            )


def test_searches_rank_as_a_sorted_list_does() -> None:
    scores, truth = drawn_scores(5, 40, seed=8), np.array([3, 0, 39, 7, 11])
    neutral = [np.array([1, 2]), None, None, np.array([5]), None]
    found = searches_of(scores, truth, bounds=squares(40), neutral=neutral, first_photo=20, seed=0)
    for row in range(5):
        (at,) = np.flatnonzero(found.whole & ~found.absent & (found.photo == 20 + row))
        out = set() if neutral[row] is None else set(neutral[row].tolist())
        ranking = sorted((t for t in range(40) if t not in out), key=lambda t: -scores[row, t])
        place = ranking.index(truth[row])
        assert found.right[at] == (place == 0)
        assert found.position[at] == (place - 1 if 1 <= place <= OTHERS else -1)
        assert found.evidence[at, 0] == pytest.approx(scores[row, ranking[0]])


def test_the_fitted_curve_is_that_of_a_general_optimiser() -> None:
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(300, 4)) * [0.1, 0.3, 2.0, 1.0] + [0.5, 0.1, -2.0, 4.0]
    right = rng.uniform(size=300) < 1 / (1 + np.exp(-(evidence @ [8.0, 5.0, 0.6, -0.9] + 1.0)))
    found = fit_curve(evidence, right, most_tiles=10**6)

    def loss(values: NDArray[np.float64]) -> float:
        """Weights of standardised evidence as squares, so that none is negative."""
        weights = values[1:] ** 2
        odds = values[0] + (evidence - evidence.mean(0)) / evidence.std(0) @ weights
        told = sum(math.log1p(math.exp(-o if r else o)) for o, r in zip(odds, right, strict=True))
        return told + 0.5 * float(weights @ weights)

    slow = minimize(loss, np.ones(5) * 0.5, method="BFGS").x
    weights = slow[1:] ** 2 / evidence.std(0)
    np.testing.assert_allclose(found.weights, weights, rtol=0.02, atol=0.02)
    assert found.weights[3] == 0  # less would fit better


def test_more_evidence_never_makes_an_answer_less_probable() -> None:
    searches = drawn_searches()
    curve = fit(searches, fold=searches.photo % FOLDS, most_tiles=90).first
    for column in range(4):
        more = searches.evidence.copy()
        more[:, column] += 0.3
        assert (curve.probability(more) >= curve.probability(searches.evidence)).all()


def test_galleries_larger_than_measured_count_as_the_largest() -> None:
    evidence = np.array([[0.5, 0.1, -2.0, math.log(100)], [0.5, 0.1, -2.0, math.log(10**6)]])
    first, second = CURVE.probability(evidence)
    assert first == second
    assert evidence[1, 3] == math.log(10**6)  # not changed in place


def test_probabilities_of_all_answers_and_of_none_sum_to_one_at_most() -> None:
    for first in (0.0, 0.2, 0.7, 1.0):
        later = CALIBRATION.later(first, np.array([0.5, 0.45, 0.2]))
        total = first + later.sum() + CALIBRATION.absent(np.array([first]))[0]
        assert total <= 1 + 1e-12
        assert (np.diff(later) <= 0).all()
    assert CALIBRATION.later(0.5, np.zeros(0)).size == 0


def test_verdicts_follow_the_thresholds() -> None:
    assert CALIBRATION.verdict(best=0.9, absent=0.05) == FOUND
    assert CALIBRATION.verdict(best=0.89, absent=0.08) == UNCERTAIN
    assert CALIBRATION.verdict(best=0.05, absent=0.7) == ABSENT
    unable = replace(CALIBRATION, refused_from=None, found_from=None)
    assert unable.verdict(best=1.0, absent=0.0) == UNCERTAIN
    assert unable.verdict(best=0.0, absent=1.0) == UNCERTAIN


def test_reliability_equals_that_of_a_loop() -> None:
    rng = np.random.default_rng(2)
    probability = np.append(rng.uniform(size=200) ** 2, [0.0, 1.0])
    right = np.append(rng.uniform(size=200) < 0.4, [False, True])
    gaps = 0.0
    for low in range(10):
        last = low == 9
        members = [
            i for i, p in enumerate(probability)
            if low / 10 <= p and (p < (low + 1) / 10 or last)
        ]  # fmt: skip
        if members:
            gap = np.mean([probability[i] for i in members]) - np.mean([right[i] for i in members])
            gaps += len(members) * abs(gap)
    bins = reliability_bins(probability, right)
    assert calibration_error(bins) == pytest.approx(gaps / 202)
    assert sum(each.count for each in bins) == 202
    assert brier_score(probability, right) == pytest.approx(
        sum((p - r) ** 2 for p, r in zip(probability, right, strict=True)) / 202
    )


def test_nothing_judged_has_no_reliability() -> None:
    none = np.empty(0), np.empty(0, bool)
    assert reliability_bins(*none) == []
    assert math.isnan(calibration_error([]))
    assert math.isnan(brier_score(*none))
    assert math.isnan(precision_recall(*none).at_recall(0.8))
    assert precision_recall(*none).loosest() is None


def test_precision_and_recall_equal_those_of_a_loop_over_thresholds() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 12, size=80) / 12  # many are equal
    deserved = rng.uniform(size=80) < scores
    curve = precision_recall(scores, deserved)
    assert curve.thresholds.tolist() == sorted(set(scores), reverse=True)
    for at, threshold in enumerate(curve.thresholds):
        given = [d for s, d in zip(scores, deserved, strict=True) if s >= threshold]
        assert curve.precision[at] == pytest.approx(sum(given) / len(given))
        assert curve.recall[at] == pytest.approx(sum(given) / deserved.sum())
    at = next(n for n, recall in enumerate(curve.recall) if recall >= 0.8)
    assert curve.at_recall(0.8) == curve.precision[at]


def test_the_loosest_threshold_keeps_its_precision() -> None:
    scores = np.linspace(1, 0, 40)
    deserved = np.arange(40) < 19
    curve = precision_recall(scores, deserved)
    at = curve.loosest(0.95)
    assert at is not None
    assert scores[at] == curve.thresholds[at]
    assert at == 19  # 19 of 20 are right, 19 of 21 are not enough
    assert precision_recall(scores, ~deserved).loosest(0.95) is None


def test_no_photo_is_judged_by_a_curve_that_saw_its_place() -> None:
    searches = drawn_searches()
    fold = searches.photo % FOLDS
    before = fit(searches, fold=fold, most_tiles=90)
    changed = replace(searches, right=np.where(fold == 2, ~searches.right, searches.right))
    after = fit(changed, fold=fold, most_tiles=90)
    assert before.folds[2] == after.folds[2]
    assert before.folds[1] != after.folds[1]
    mine = fold == 2
    probability = cross_fitted(after, searches.evidence, fold)
    np.testing.assert_array_equal(
        probability[mine], after.folds[2].probability(searches.evidence[mine])
    )
    unseen = cross_fitted(after, searches.evidence, np.full(len(fold), -1))
    np.testing.assert_array_equal(unseen, after.first.probability(searches.evidence))


def test_thresholds_reach_the_precision_that_they_promise() -> None:
    searches = drawn_searches(photos=90, tiles=120)
    fold = searches.photo % FOLDS
    found = with_thresholds(fit(searches, fold=fold, most_tiles=120), searches, fold=fold)
    whole = searches.some(searches.whole)
    first = cross_fitted(found, whole.evidence, fold[searches.whole])
    assert found.found_from is not None
    assert found.refused_from is not None
    called = first >= found.found_from
    assert whole.right[called].mean() >= 0.95
    refused = found.absent(first) >= found.refused_from
    deserved = whole.absent | ~whole.right
    assert deserved[refused].mean() >= 0.95
    told = found.measured["refused"]
    assert told["precision"] == pytest.approx(whole.absent[refused].mean(), abs=1e-6)
    assert told["recall"] == pytest.approx(refused[whole.absent].mean(), abs=1e-6)
    assert told["withheld"] == pytest.approx(refused[whole.right].mean(), abs=1e-6)


def test_lists_of_first_results_give_the_searches_of_whole_galleries() -> None:
    scores, truth = drawn_scores(30, 50, seed=4), np.arange(30)
    by_matrix = searches_of(
        scores, truth, bounds=squares(50), neutral=[None] * 30, first_photo=10, seed=0
    )
    by_matrix = by_matrix.some(by_matrix.whole)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, : DEPTH + 1]
    listed = np.take_along_axis(scores, rows, axis=1)
    by_lists = searches_of_lists(rows, listed, truth, bounds=squares(50), first_photo=10)
    for name in ("evidence", "right", "absent", "photo", "later", "position"):
        np.testing.assert_array_equal(getattr(by_lists, name), getattr(by_matrix, name), name)


def test_lists_that_end_early_or_lack_the_place_are_read_as_they_are() -> None:
    rows = np.array([[4, 2, NO_ROW], [1, NO_ROW, NO_ROW]])
    scores = np.array([[0.9, 0.5, -np.inf], [0.7, -np.inf, -np.inf]], np.float32)
    found = searches_of_lists(rows, scores, np.array([2, -1]), bounds=squares(6))
    assert found.right.tolist() == [False] * 4
    assert found.position.tolist() == [0, -1, -1, -1]
    np.testing.assert_allclose(found.evidence[:, 1], [0.4, 0, 0, 0], atol=1e-6)


def test_searches_are_joined_in_their_order() -> None:
    one, other = drawn_searches(photos=4, tiles=30), drawn_searches(photos=7, tiles=30)
    both = joined([one, other])
    assert len(both) == len(one) + len(other)
    np.testing.assert_array_equal(both.evidence[len(one) :], other.evidence)


def test_neighbours_share_a_fold_where_there_are_enough_blocks() -> None:
    places = [TileId(col, row) for row in range(48) for col in range(40)]
    folds = dict(zip(places, folds_of(places, seed=1), strict=True))
    assert set(folds.values()) == set(range(FOLDS))
    assert all(folds[p] == folds[TileId(p.col // 8 * 8, p.row // 8 * 8)] for p in places)
    few = [TileId(col, 0) for col in range(20)]
    assert sorted(folds_of(few, seed=1)) == sorted(list(range(FOLDS)) * 4)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tiles") / "t", cols=9, rows=6, change=1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    return model_to_calibrate(tmp_path_factory.mktemp("model") / "m", tileset)


def test_validation_places_are_asked_about_and_no_others(tileset: TileSet, model: Model) -> None:
    named = model.split.set_index("place")["split"]
    places = held_out_places(tileset, model, dates=DATES, seed=0, most=200)
    assert {named[place.place] for place in places} == {"val"}
    assert len(places) == 24
    drawn = held_out_places(tileset, model, dates=DATES, seed=0, most=10)
    assert len(drawn) == 10
    assert set(drawn) < set(places)


def test_places_that_a_model_does_not_know_stand_in_for_validation(
    tileset: TileSet, model: Model
) -> None:
    foreign = replace(model, split=model.split.iloc[:0])
    assert len(held_out_places(tileset, foreign, dates=DATES, seed=0, most=200)) == 54
    trained = replace(model, split=model.split.assign(split="train"))
    with pytest.raises(NothingToDoError, match=r"0 places .* a calibration needs 20"):
        held_out_places(tileset, trained, dates=DATES, seed=0, most=200)


@pytest.fixture(scope="module")
def calibrated(tileset: TileSet, model: Model) -> Model:
    calibrate(tileset, model, dates=DATES, seed=7)
    return model


def test_a_calibration_is_read_as_it_was_written(
    calibrated: Model, tileset: TileSet, tmp_path: Path
) -> None:
    found = read_calibration(calibrated.folder, model=calibrated.content_hash)
    assert found is not None
    assert set(found.by) == {"image+mask", "image"}
    assert found.protocols == PROTOCOLS
    assert found.tiles == 54
    assert len(found.places) == 24
    assert found.by["image"].measured["photos"] == 96
    write_calibration(found, tmp_path)
    assert read_calibration(tmp_path, model=calibrated.content_hash) == found


def test_calibrating_again_gives_the_same_bytes(calibrated: Model, tileset: TileSet) -> None:
    path = calibrated.folder / CALIBRATION_NAME
    before = path.read_bytes()
    calibrate(tileset, calibrated, dates=DATES, seed=7)
    assert path.read_bytes() == before


def test_unreadable_newer_and_foreign_calibrations_are_refused(
    calibrated: Model, tmp_path: Path
) -> None:
    assert read_calibration(tmp_path, model="x") is None
    with pytest.raises(StaleArtefactError, match=r"is of model .* run 'aerialret calibrate' again"):
        read_calibration(calibrated.folder, model="another")
    values = json.loads((calibrated.folder / CALIBRATION_NAME).read_text())
    (tmp_path / CALIBRATION_NAME).write_text(json.dumps({**values, "format_version": 99}))
    with pytest.raises(ArtefactVersionError, match=f"has format 99, .* up to {FORMAT_VERSION}"):
        read_calibration(tmp_path, model=calibrated.content_hash)
    (tmp_path / CALIBRATION_NAME).write_text('{"format_version": 1}')
    with pytest.raises(NotAnArtefactError, match="is no readable calibration"):
        read_calibration(tmp_path, model=calibrated.content_hash)


def test_what_is_told_of_second_looks_goes_when_they_are_judged_otherwise(
    calibrated: Model, tmp_path: Path
) -> None:
    model = calibrated.content_hash
    found = read_calibration(calibrated.folder, model=model)
    assert found is not None
    again = {asked_by(name, rerank="cells"): each for name, each in found.by.items()}
    both = replace(found, by={**found.by, **again})
    path = write_calibration(both, tmp_path)
    assert read_calibration(tmp_path, model=model) == both
    old = json.loads(path.read_text()) | {"format_version": 1}
    path.write_text(json.dumps(old))
    assert read_calibration(tmp_path, model=model) == found
    write_calibration(both, tmp_path)
    forget_second_looks(tmp_path, model=model)
    assert read_calibration(tmp_path, model=model) == found
    path.unlink()
    forget_second_looks(tmp_path, model=model)
    assert not path.exists()


def test_a_copy_follows_the_model(calibrated: Model, tmp_path: Path) -> None:
    copy_calibration(calibrated.folder, tmp_path, content_hash=calibrated.content_hash)
    assert (tmp_path / CALIBRATION_NAME).read_bytes() == (
        calibrated.folder / CALIBRATION_NAME
    ).read_bytes()
    bare = tmp_path / "bare"
    bare.mkdir()
    copy_calibration(bare, tmp_path, content_hash=calibrated.content_hash)
    assert not (tmp_path / CALIBRATION_NAME).exists()
