"""Small artefacts for tests: a tile set of smooth random places at two dates, and a small model."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image

from aerialret.config import ModelConfig, Pipeline, TrainConfig, as_plain
from aerialret.manifest import hash_files, new_manifest, write_manifest
from aerialret.network.checkpoint import (
    CONFIG_NAME,
    HISTORY_NAME,
    SPLIT_NAME,
    WEIGHTS_NAME,
    save_config,
    save_module,
)
from aerialret.network.weights import initial_network
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import CLASSES, NO_COVERAGE
from aerialret.tiles.pixel_store import BLOCK_TILES, PixelStore, StoreExtent
from aerialret.tiles.tileset import CATALOGUE_NAME, STORE_NAME, TileSet, date_folder, grid_facts

CRS = "EPSG:2154"
FIRST = TileId(-3, 5)
"""Upper-left cell: not the origin, not square, so that a swapped axis cannot pass."""


def tiny_grid(*, tile_px: int = 32) -> Grid:
    """Cells of 64 m."""
    return Grid(
        crs=CRS, tile_size_m=64.0, tile_px=tile_px, origin_x_m=900_000, origin_y_m=6_800_000
    )


def tiny_tileset(
    folder: Path,
    *,
    dates: tuple[str, ...] = ("2004", "2019"),
    cols: int = 7,
    rows: int = 4,
    tile_px: int = 32,
    masks: bool = True,
    missing: tuple[TileId, ...] = (),
    change: float = 0.4,
    seed: int = 0,
) -> TileSet:
    """A tile set in which a place looks alike, but not the same, at each date.

    Args:
        folder: Where to write it.
        dates: Its dates.
        cols: Columns of places.
        rows: Rows of places.
        tile_px: Side of a tile in pixels.
        masks: Whether the tiles have masks.
        missing: Cells without a tile at the first date.
        change: How much the dates differ; 0 is not at all.
        seed: Seed of the world.
    """
    grid = tiny_grid(tile_px=tile_px)
    tiles = [TileId(FIRST.col + c, FIRST.row + r) for r in range(rows) for c in range(cols)]
    tables = []
    for number, date in enumerate(dates):
        held = [tile for tile in tiles if number or tile not in missing]
        store = PixelStore.create(
            date_folder(folder, date) / STORE_NAME,
            extent=StoreExtent.around(tiles),
            tile_px=tile_px,
        )
        pixels = {
            tile: tiny_pixels(
                tile, date_number=number, tile_px=tile_px, masks=masks, change=change, seed=seed
            )
            for tile in held
        }
        _write(store, pixels, tile_px)
        tables.append(_table(grid, date, pixels))
    catalogue = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=CRS)
    catalogue.to_parquet(folder / CATALOGUE_NAME, index=False)
    files = [path for path in folder.rglob("*") if path.is_file()]
    manifest = new_manifest(
        "tile_set",
        content_hash=hash_files(files, root=folder),
        facts={"grid": grid_facts(grid), "dates": list(dates)},
    )
    write_manifest(folder, manifest)
    return TileSet(folder)


def tiny_model(
    folder: Path,
    tileset: TileSet,
    *,
    network_input: str = "image+mask",
    head: str = "average",
    config: ModelConfig | None = None,
    epochs: int = 0,
    seed: int = 0,
) -> Path:
    """The folder of a model with random weights; the last column is test, the one before val.

    Args:
        folder: Where to write it.
        tileset: The tile set it claims to be trained on.
        network_input: What it sees.
        head: How it pools.
        config: The whole method, in place of the two before.
        epochs: Epochs it claims to be trained for; with any, its weights are not its initial ones.
        seed: Seed of the weights before training.
    """
    config = config or ModelConfig(
        input=network_input, backbone="resnet18", trunk="layer3", weights="none", head=head
    )
    folder.mkdir(parents=True)
    weights_seed = seed + 100 if epochs else seed
    network = initial_network(config, tile_px=tileset.grid.tile_px, seed=weights_seed)
    save_module(network, folder / WEIGHTS_NAME)
    save_config(as_plain(config), folder / CONFIG_NAME)
    tiny_split(tileset).to_parquet(folder / SPLIT_NAME, index=False)
    if epochs:
        (folder / HISTORY_NAME).write_text(_history(epochs))
    content = [CONFIG_NAME, WEIGHTS_NAME, SPLIT_NAME]
    manifest = new_manifest(
        "model",
        content_hash=hash_files([folder / name for name in content], root=folder),
        parents={"tile_set": tileset.content_hash},
        configuration={
            "model": as_plain(config),
            "train": as_plain(TrainConfig(epochs=epochs, seed=seed)),
            "split": as_plain(Pipeline().split),
        },
        facts={
            "grid": grid_facts(tileset.grid),
            "training": {"epochs": epochs},
            "content": content,
        },
    )
    write_manifest(folder, manifest)
    return folder


def tiny_split(tileset: TileSet) -> pd.DataFrame:
    """Test: the last column; validation: the one before; buffer: the one before that."""
    tiles = sorted({tile for date in tileset.dates for tile in tileset.tiles(date)})
    last = max(tile.col for tile in tiles)
    names = {0: "test", 1: "val", 2: "buffer"}
    return pd.DataFrame(
        {
            "place": [tile.place for tile in tiles],
            "col": [tile.col for tile in tiles],
            "row": [tile.row for tile in tiles],
            "split": [names.get(last - tile.col, "train") for tile in tiles],
        }
    )


def tiny_pixels(
    tile: TileId, *, date_number: int, tile_px: int, masks: bool, change: float, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image [3, px, px] and mask [px, px] of one tile."""
    place = np.random.default_rng([seed, tile.col + 1000, tile.row + 1000])
    date = np.random.default_rng([seed, tile.col + 1000, tile.row + 1000, date_number])
    shape = _smooth(place, 3, tile_px)
    changes = _smooth(date, 3, tile_px)
    height = shape[0] + 0.2 * change * changes[0]
    image = shape + change * changes
    image = (image - image.mean()) / image.std() * 45 + 120 - 25 * date_number
    mask = np.zeros((tile_px, tile_px), np.uint8)
    mask[height > np.quantile(height, place.uniform(0.2, 0.9))] = 10
    mask[3:9, 5 : 5 + int(place.integers(2, 20))] = 6
    if not masks:
        mask[:] = NO_COVERAGE
    return image.clip(0, 255).astype(np.uint8), mask


def _smooth(random: np.random.Generator, layers: int, tile_px: int) -> NDArray[np.float32]:
    """float32 [layers, px, px]: noise that is coarser along y than along x."""
    small = random.normal(size=(layers, 5, 9)).astype(np.float32)
    size = (tile_px, tile_px)
    return np.stack([np.asarray(Image.fromarray(s).resize(size, Image.BICUBIC)) for s in small])


def _write(
    store: PixelStore,
    pixels: dict[TileId, tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    tile_px: int,
) -> None:
    corner = {
        tile: TileId(*(value // BLOCK_TILES * BLOCK_TILES for value in tile)) for tile in pixels
    }
    for upper_left in sorted(set(corner.values())):
        side = (BLOCK_TILES, BLOCK_TILES)
        images = np.zeros((*side, 3, tile_px, tile_px), np.uint8)
        masks = np.full((*side, tile_px, tile_px), NO_COVERAGE, np.uint8)
        valid = np.zeros((*side, tile_px, tile_px), bool)
        for tile in (tile for tile in pixels if corner[tile] == upper_left):
            at = tile.row - upper_left.row, tile.col - upper_left.col
            images[at], masks[at] = pixels[tile]
            valid[at] = True
        store.write_block(upper_left, images=images, masks=masks, valid=valid)


def _table(
    grid: Grid, date: str, pixels: dict[TileId, tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> gpd.GeoDataFrame:
    tiles = list(pixels)
    covered = [float((pixels[tile][1] != NO_COVERAGE).mean()) for tile in tiles]
    shares = {
        f"share_{c.name}": [float((pixels[tile][1] == c.code).mean()) for tile in tiles]
        for c in CLASSES
    }
    return gpd.GeoDataFrame(
        {
            "place": [tile.place for tile in tiles],
            "col": [tile.col for tile in tiles],
            "row": [tile.row for tile in tiles],
            "date": date,
            "valid_fraction": 1.0,
            "covered_fraction": covered,
            **shares,
            "geometry": [shapely.box(*grid.bounds(tile)) for tile in tiles],
        },
        crs=CRS,
    )


def _history(epochs: int) -> str:
    lines = ["epoch,loss,val_map5,hard", "0,,0.310000,0"]
    lines += [
        f"{n},{0.7 / n:.6f},{'' if n % 2 else f'{1 - 0.6 / n:.6f}'},{20 - n}"
        for n in range(1, epochs + 1)
    ]
    return "\n".join(lines) + "\n"
