import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerialret.ingestion.vectors.class_drift import (
    COUNT_RATIO,
    LEAST_FEATURES,
    LEAST_SHARE,
    SHARE_RATIO,
    ClassTotals,
    drift_warnings,
)
from aerialret.tiles.palette import CODES


def _totals(date="2004", *, ground=10.0, features=None, share=None) -> ClassTotals:
    return ClassTotals(date=date, ground_km2=ground, features=features or {}, share=share or {})


def test_ten_times_more_buildings_are_annotation():
    (warning,) = drift_warnings(
        _totals("2004", features={"building": 400}, share={"building": 0.05}),
        _totals("2019", features={"building": 4000}, share={"building": 0.06}),
    )
    assert warning == (
        "building: 40 features per km2 in 2004, 400 in 2019; no landscape changes so: likely the "
        "annotation differs, not the ground"
    )


def test_a_share_warns_without_counts():
    (warning,) = drift_warnings(
        _totals("2004", share={"vegetation": 0.12}), _totals("2019", share={"vegetation": 0.31})
    )
    assert warning.startswith("vegetation: 12.00% of the ground in 2004, 31.00% in 2019;")


def test_counts_and_shares_of_one_class_make_one_line():
    (warning,) = drift_warnings(
        _totals(features={"road": 10}, share={"road": 0.01}),
        _totals("2019", features={"road": 90}, share={"road": 0.05}),
    )
    assert "1 features per km2 in 2004, 9 in 2019 and 1.00% of the ground" in warning


@pytest.mark.parametrize("swap", [False, True])
def test_a_class_that_one_date_lacks_warns_either_way(swap):
    dates = [_totals("2004"), _totals("2019", features={"church": LEAST_FEATURES})]
    assert len(drift_warnings(*(reversed(dates) if swap else dates))) == 1


@pytest.mark.parametrize(
    ("few", "many", "warns"),
    [
        (0, LEAST_FEATURES - 1, False),
        (0, LEAST_FEATURES, True),
        (100, 100 * COUNT_RATIO, False),
        (100, 100 * COUNT_RATIO + 1, True),
    ],
)
def test_counts_warn_from_the_thresholds_on(few, many, warns):
    found = drift_warnings(_totals(features={"rail": few}), _totals(features={"rail": int(many)}))
    assert bool(found) == warns


@pytest.mark.parametrize(
    ("small", "large", "warns"),
    [
        (0.0, LEAST_SHARE * 0.99, False),
        (0.0, LEAST_SHARE, True),
        (0.1, 0.1 * SHARE_RATIO * 0.99, False),
        (0.1, 0.1 * SHARE_RATIO * 1.01, True),
    ],
)
def test_shares_warn_from_the_thresholds_on(small, large, warns):
    found = drift_warnings(_totals(share={"water": small}), _totals(share={"water": large}))
    assert bool(found) == warns


def test_counts_are_compared_by_ground():
    early = _totals(ground=10, features={"building": 1000})
    assert drift_warnings(early, _totals(ground=100, features={"building": 10_000})) == ()
    assert drift_warnings(early, _totals(ground=100, features={"building": 1000}))


def test_without_common_ground_nothing_is_compared():
    early, late = _totals(ground=0.0), _totals(features={"building": 9999})
    assert drift_warnings(early, late) == drift_warnings(late, early) == ()


@given(
    st.dictionaries(st.sampled_from(sorted(CODES)), st.integers(0, 10**6)),
    st.dictionaries(st.sampled_from(sorted(CODES)), st.floats(0, 1)),
    st.floats(0.5, 2.0),
)
def test_no_change_within_a_factor_of_two_ever_warns(features, share, factor):
    late = _totals(
        features={name: round(count * factor) for name, count in features.items() if count > 20},
        share={name: part * factor for name, part in share.items()},
    )
    early = _totals(
        features={name: count for name, count in features.items() if count > 20}, share=share
    )
    assert drift_warnings(early, late) == ()
