"""What a fit counts for: a photo that lies as tiles do goes before one that lies anyhow."""

from dataclasses import replace

import pytest

from aerialret.tiles.grid import Bounds
from aerialret.verification.counting import ANYHOW, ANYHOW_RERANKED, counted, lies_as_tiles_do
from aerialret.verification.pose import Pose
from aerialret.verification.second_look import Fit

TILE = Bounds(1_000.0, 2_000.0, 1_256.0, 2_256.0)
PX = 128
AS_TILE = Pose(x=1_128.0, y=2_128.0, rotation_deg=0.0, metres_per_px=2.0)


@pytest.mark.parametrize(
    "pose",
    [
        AS_TILE,
        replace(AS_TILE, rotation_deg=14.0),
        replace(AS_TILE, rotation_deg=346.0),
        replace(AS_TILE, metres_per_px=1.4),
        replace(AS_TILE, metres_per_px=2.9),
        replace(AS_TILE, x=1_168.0, y=2_090.0),
    ],
)
def test_a_photo_that_lies_as_a_tile_does_keeps_its_score(pose: Pose) -> None:
    fit = Fit(score=0.5, pose=pose)
    assert lies_as_tiles_do(pose, tile=TILE, photo_px=PX)
    for is_reranked in (False, True):
        assert counted(fit, tile=TILE, photo_px=PX, is_reranked=is_reranked) == fit


@pytest.mark.parametrize(
    "pose",
    [
        replace(AS_TILE, rotation_deg=16.0),
        replace(AS_TILE, rotation_deg=180.0),
        replace(AS_TILE, metres_per_px=1.3),
        replace(AS_TILE, metres_per_px=3.1),
        replace(AS_TILE, x=1_172.0),
        replace(AS_TILE, y=2_084.0),
        replace(AS_TILE, x=1_384.0),  # a tile further
    ],
)
def test_a_photo_that_lies_otherwise_loses_a_little(pose: Pose) -> None:
    for is_reranked, lost in ((False, ANYHOW), (True, ANYHOW_RERANKED)):
        loses = counted(Fit(score=0.5, pose=pose), tile=TILE, photo_px=PX, is_reranked=is_reranked)
        assert loses == Fit(score=pytest.approx(0.5 - lost), pose=pose)
