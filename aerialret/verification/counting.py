"""What a fit counts for: where a photo lies as tiles do goes before where it lies anyhow."""

from dataclasses import replace

from aerialret.tiles.grid import Bounds
from aerialret.tiles.lying import lie_as_tiles_do
from aerialret.verification.pose import Pose
from aerialret.verification.second_look import Fit

ANYHOW, ANYHOW_RERANKED = 0.04, 0.1
"""What a fit loses that does not lie as tiles do: of a mean cosine, and of a reranker's score.

There are thousands of ways to lie anyhow in a tile, of which some fit a wrong tile well by chance,
and few to lie as a tile does: where that fits about as well, it is likelier.
"""


def counted(fit: Fit, *, tile: Bounds, photo_px: int, is_reranked: bool) -> Fit:
    """The fit with the score that counts.

    Args:
        fit: Of a second look.
        tile: That it was found in.
        photo_px: Side of the photo's square in pixels.
        is_reranked: Whether its score is that of a reranker.
    """
    if lies_as_tiles_do(fit.pose, tile=tile, photo_px=photo_px):
        return fit
    return replace(fit, score=fit.score - (ANYHOW_RERANKED if is_reranked else ANYHOW))


def lies_as_tiles_do(pose: Pose, *, tile: Bounds, photo_px: int) -> bool:
    """Whether a photo is about upright, about as large as the tile, and about where it is."""
    side_m = tile.right - tile.left
    lies = lie_as_tiles_do(
        turn_deg=pose.rotation_deg, side=pose.metres_per_px * photo_px / side_m,
        across=(pose.x - (tile.left + tile.right) / 2) / side_m,
        down=((tile.bottom + tile.top) / 2 - pose.y) / side_m,
    )  # fmt: skip
    return bool(lies)
