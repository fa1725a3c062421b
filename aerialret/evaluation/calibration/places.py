"""Places of a calibration: a tile set and a model go in, places not trained on come out."""

from collections.abc import Sequence

import numpy as np

from aerialret.errors import NothingToDoError
from aerialret.evaluation.calibration.fitting import FOLDS
from aerialret.evaluation.comparisons import Dates
from aerialret.network.checkpoint import Model
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import places_in

FEWEST_PLACES = 20
"""A calibration on fewer places would say little."""

_BLOCKS_IN_FOLD = 4  # at least, or the blocks are taken smaller


def held_out_places(
    tileset: TileSet, model: Model, *, dates: Dates, seed: int, most: int
) -> list[TileId]:
    """Places of both dates that the model was not trained on: validation, else unknown to it.

    Test places are left for `aerialret evaluate`.

    Args:
        tileset: Holds the places.
        model: Knows the splits.
        dates: A place has a tile at both.
        seed: Seed of the draw where there are more than `most`.
        most: Places at most.

    Raises:
        NothingToDoError: There are fewer than `FEWEST_PLACES`.
    """
    both = set(tileset.tiles(dates.queries)) & set(tileset.tiles(dates.gallery))
    known = model.split if model.grid == tileset.grid else model.split.iloc[:0]
    held = both & set(places_in(known, "val"))
    if not held:
        named = zip(known["col"], known["row"], strict=True)
        held = both - {TileId(int(col), int(row)) for col, row in named}
    if len(held) < FEWEST_PLACES:
        raise NothingToDoError(
            f"{len(held)} places of {tileset.folder} that were kept for validation, or that model "
            f"{model.folder} does not know, have tiles of {dates.queries} and {dates.gallery}, but "
            f"a calibration needs {FEWEST_PLACES}; take a larger tile set or 'split.val_share'"
        )
    ordered = sorted(held, key=lambda tile: (tile.row, tile.col))
    drawn = np.random.default_rng(seed).permutation(len(ordered))[:most]
    return [ordered[number] for number in np.sort(drawn)]


def folds_of(places: Sequence[TileId], *, seed: int) -> list[int]:
    """A fold for each place; blocks of neighbours stay together as far as there are enough."""
    for side in (8, 4, 2, 1):
        blocks = sorted({(tile.row // side, tile.col // side) for tile in places})
        if len(blocks) >= _BLOCKS_IN_FOLD * FOLDS:
            break
    order = np.random.default_rng(seed).permutation(len(blocks))
    fold = {blocks[number]: place % FOLDS for place, number in enumerate(order)}
    return [fold[tile.row // side, tile.col // side] for tile in places]
