"""Splits divide space, not tiles."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerialret.config import SplitConfig
from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.tiles.grid import Grid, TileId
from aerialret.training.splits import places_in, split_places

GRID = Grid(crs="EPSG:2154", tile_size_m=100.0, tile_px=32, origin_x_m=50.0, origin_y_m=700.0)
RANK = {"train": 0, "val": 1, "test": 2}


def territory(cols: int, rows: int) -> list[TileId]:
    return [TileId(c - 3, r + 2) for r in range(rows) for c in range(cols)]


@settings(max_examples=30)
@given(
    st.integers(4, 14), st.integers(4, 14), st.integers(1, 5), st.integers(0, 2), st.integers(0, 9)
)
def test_no_training_place_is_nearer_than_the_buffer_to_a_held_out_one(
    cols: int, rows: int, block: int, buffer: int, seed: int
) -> None:
    config = SplitConfig(block_tiles=block, buffer_tiles=buffer, seed=seed)
    split = split_places(territory(cols, rows), config=config, grid=GRID)
    train, held = places_in(split, "train"), places_in(split, "test") + places_in(split, "val")
    for a in train:
        for b in held:
            assert max(abs(a.col - b.col), abs(a.row - b.row)) > buffer


def test_every_place_gets_one_split_and_the_order_of_tiles_does_not_matter() -> None:
    tiles = territory(9, 7)
    config = SplitConfig(block_tiles=2)
    forwards = split_places(tiles, config=config, grid=GRID)
    backwards = split_places(tiles[::-1] + tiles, config=config, grid=GRID)
    assert forwards.equals(backwards)
    assert sorted(forwards["place"]) == sorted(tile.place for tile in tiles)


def test_a_test_block_stays_whole() -> None:
    config = SplitConfig(block_tiles=3, buffer_tiles=1, val_share=0.2, test_share=0.2)
    split = split_places(territory(12, 12), config=config, grid=GRID)
    test = places_in(split, "test")
    blocks = {(tile.col // 3, tile.row // 3) for tile in test}
    everywhere = [t for t in territory(12, 12) if (t.col // 3, t.row // 3) in blocks]
    assert sorted(test) == sorted(everywhere)


def test_another_seed_divides_otherwise() -> None:
    tiles = territory(16, 16)
    first, second = (
        split_places(tiles, config=SplitConfig(block_tiles=2, seed=seed), grid=GRID)
        for seed in (0, 1)
    )
    assert not first.equals(second)


@pytest.mark.parametrize(
    "text",
    [
        "place,split\nc-3_r2,val\nc-2_r2,train\n",
        "col,row,split\n-3,2,val\n-2,2,train\n",
        "place,left,top,split\nx,-250,500,val\ny,-150,500,train\n",
    ],
)
def test_a_file_names_places_by_name_cell_or_corner(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.csv").write_text(text)
    config = SplitConfig(method="file", file="places.csv")
    split = split_places(territory(3, 1), config=config, grid=GRID, base=tmp_path)
    assert split["split"].tolist() == ["val", "train", "buffer"]


def test_a_split_file_must_exist_and_fit(tmp_path: Path) -> None:
    config = SplitConfig(method="file", file="places.csv")
    with pytest.raises(MissingInputError, match=r"places\.csv"):
        split_places(territory(2, 2), config=config, grid=GRID, base=tmp_path)
    (tmp_path / "places.csv").write_text("place,split\nc99_r99,val\n")
    with pytest.raises(ConfigurationError, match="names none of"):
        split_places(territory(2, 2), config=config, grid=GRID, base=tmp_path)
    (tmp_path / "places.csv").write_text("place,split\nc-3_r2,dev\n")
    with pytest.raises(ConfigurationError, match="split 'dev'"):
        split_places(territory(2, 2), config=config, grid=GRID, base=tmp_path)


def test_no_tiles_give_an_empty_split() -> None:
    assert len(split_places([], config=SplitConfig(), grid=GRID)) == 0
