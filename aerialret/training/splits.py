"""The split of places by space: cells go in, train, val, test or buffer comes out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aerialret.config import SplitConfig
from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.tiles.grid import Grid, TileId

SPLITS = ("train", "val", "test")
BUFFER = "buffer"


def split_places(
    tiles: Sequence[TileId], *, config: SplitConfig, grid: Grid, base: Path = Path()
) -> pd.DataFrame:
    """The split of each place: a row for each cell with place, col, row, split.

    Args:
        tiles: The cells.
        config: How to divide them.
        grid: Their grid, to find cells by coordinates.
        base: What a relative `config.file` is relative to.

    Raises:
        MissingInputError: The split file is not there.
        ConfigurationError: It lacks columns, or names none of the cells.
    """
    unique = sorted(set(tiles), key=lambda tile: (tile.row, tile.col))
    names = (
        _from_file(unique, config, grid, base)
        if config.method == "file"
        else _from_blocks(unique, config)
    )
    return pd.DataFrame(
        {
            "place": [tile.place for tile in unique],
            "col": [tile.col for tile in unique],
            "row": [tile.row for tile in unique],
            "split": names,
        }
    ).astype({"place": "string", "col": "int64", "row": "int64", "split": "string"})


def places_in(split: pd.DataFrame, name: str) -> list[TileId]:
    """The cells of one split, in the table's order."""
    rows = split[split["split"] == name]
    return [TileId(int(c), int(r)) for c, r in zip(rows["col"], rows["row"], strict=True)]


def _from_blocks(tiles: list[TileId], config: SplitConfig) -> list[str]:
    side = config.block_tiles
    blocks = sorted({(tile.row // side, tile.col // side) for tile in tiles})
    order = np.random.default_rng(config.seed).permutation(len(blocks))
    tests, vals = (_share(share, len(blocks)) for share in (config.test_share, config.val_share))
    part = dict.fromkeys(blocks, "train")
    part.update({blocks[i]: "test" for i in order[:tests]})
    part.update({blocks[i]: "val" for i in order[tests : tests + vals]})
    names = {tile: part[tile.row // side, tile.col // side] for tile in tiles}
    return [_buffered(tile, names, config.buffer_tiles) for tile in tiles]


def _share(share: float, blocks: int) -> int:
    """How many of the blocks: at least one where a share is asked for and there are enough."""
    return max(round(share * blocks), 1) if share > 0 and blocks >= 3 else 0


def _buffered(tile: TileId, names: dict[TileId, str], reach: int) -> str:
    """A tile's split, or buffer where it is nearer than `reach` to a tile that outranks it.

    Test outranks validation, validation outranks training: what is held out stays whole.
    """
    own = SPLITS.index(names[tile])
    for row in range(tile.row - reach, tile.row + reach + 1):
        for col in range(tile.col - reach, tile.col + reach + 1):
            other = names.get(TileId(col, row))
            if other and SPLITS.index(other) > own:
                return BUFFER
    return names[tile]


def _from_file(tiles: list[TileId], config: SplitConfig, grid: Grid, base: Path) -> list[str]:
    path = base / config.file
    if not path.is_file():
        raise MissingInputError(f"split.file is {config.file!r}, but {path} does not exist")
    table = pd.read_csv(path)
    named = dict(zip(_cells(table, grid, path), table["split"].astype(str), strict=True))
    odd = sorted(set(named.values()) - {*SPLITS, BUFFER})
    if odd:
        raise ConfigurationError(
            f"{path} has the split {odd[0]!r}; legal are {', '.join((*SPLITS, BUFFER))}"
        )
    if not set(tiles) & set(named):
        raise ConfigurationError(
            f"{path} names none of the tile set's {len(tiles)} places; the tile set's cells are "
            f"as {tiles[0].place if tiles else 'none'}, the file's as {next(iter(named)).place}"
        )
    return [named.get(tile, BUFFER) for tile in tiles]


def _cells(table: pd.DataFrame, grid: Grid, path: Path) -> list[TileId]:
    """The cell of each row: by col and row, by a corner in metres, or by name."""
    columns = set(table.columns)
    if "split" not in columns or table.empty:
        raise ConfigurationError(f"{path} must have rows and a column 'split'")
    if {"col", "row"} <= columns:
        return [TileId(int(c), int(r)) for c, r in zip(table["col"], table["row"], strict=True)]
    if {"left", "top"} <= columns:
        half = grid.tile_size_m / 2  # the corner lies on the border of cells, the centre in one
        corners = zip(table["left"], table["top"], strict=True)
        return [grid.tile_at(x=left + half, y=top - half) for left, top in corners]
    if "place" in columns:
        return [TileId.from_place(str(name)) for name in table["place"]]
    raise ConfigurationError(
        f"{path} must have the columns col and row, left and top, or place; it has "
        f"{', '.join(sorted(columns))}"
    )
