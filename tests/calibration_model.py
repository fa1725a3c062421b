"""Models in tests of calibrations: tiles go in, a model with some validation places comes out."""

from pathlib import Path

from aerialret.network.checkpoint import SPLIT_NAME, Model, load_model
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import tiny_model, tiny_split

_VAL_COLUMNS = 4


def model_to_calibrate(folder: Path, tileset: TileSet) -> Model:
    """A model that keeps the last column for test and the four before for validation."""
    tiny_model(folder, tileset)
    split = tiny_split(tileset)
    before_last = split["col"].max() - split["col"]
    split["split"] = [
        "test" if not columns else "val" if columns <= _VAL_COLUMNS else "train"
        for columns in before_last
    ]
    split.to_parquet(folder / SPLIT_NAME, index=False)
    return load_model(folder, device="cpu")
