"""The pixel store gives back what was written, in the order that was asked for."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerialret.errors import NotAnArtefactError
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import BLOCK_TILES, PixelStore, StoreExtent

EXTENT = StoreExtent(first_col=-8, first_row=16, end_col=16, end_row=32)
WRITTEN = (TileId(-8, 16), TileId(8, 24))


def pixels(tile: TileId) -> np.ndarray:
    return np.random.default_rng([tile.col + 99, tile.row]).integers(0, 256, (3, 16, 16), np.uint8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    path = tmp_path_factory.mktemp("store") / "pixels.zarr"
    made = PixelStore.create(path, extent=EXTENT, tile_px=16)
    for corner in WRITTEN:
        images = np.stack(
            [[pixels(TileId(corner.col + c, corner.row + r)) for c in range(8)] for r in range(8)]
        )
        made.write_block(corner, images=images, masks=images[:, :, 0], valid=images[:, :, 1] > 9)
    return PixelStore.open(path)


cells = st.builds(TileId, st.integers(-8, 15), st.integers(16, 31))


@settings(max_examples=40)
@given(st.lists(cells, max_size=12))
def test_tiles_come_back_as_written_in_any_order(store: PixelStore, tiles: list[TileId]) -> None:
    batch = store.read(tiles)
    assert len(batch) == len(tiles)
    for i, tile in enumerate(tiles):
        corner = TileId(*(value // BLOCK_TILES * BLOCK_TILES for value in tile))
        image = pixels(tile) if corner in WRITTEN else np.zeros((3, 16, 16), np.uint8)
        assert np.array_equal(batch.images[i], image)
        assert np.array_equal(
            batch.masks[i], image[0] if corner in WRITTEN else np.full((16, 16), NO_COVERAGE)
        )
        assert np.array_equal(batch.valid[i], (image[1] > 9) & (corner in WRITTEN))


def test_an_extent_is_made_of_whole_blocks() -> None:
    extent = StoreExtent.around([TileId(-1, 16), TileId(8, 31)])
    assert extent == EXTENT
    assert extent.shape == (16, 24)


def test_a_block_is_one_file_for_each_array(store: PixelStore, tmp_path: Path) -> None:
    made = PixelStore.create(tmp_path / "p.zarr", extent=EXTENT, tile_px=16)
    block = np.full((8, 8, 3, 16, 16), 7, np.uint8)
    made.write_block(TileId(0, 16), images=block, masks=block[:, :, 0], valid=block[:, :, 0] > 1)
    files = [path for path in (tmp_path / "p.zarr").rglob("*") if path.is_file()]
    assert len([path for path in files if path.name != "zarr.json"]) == 3


def test_a_folder_without_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnArtefactError, match="aerialret ingest"):
        PixelStore.open(tmp_path / "none.zarr")
