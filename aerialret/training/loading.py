"""Which places a training needs: a split and a configuration go in, their pixels come out."""

from collections.abc import Callable

import pandas as pd

from aerialret.config import Pipeline
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import places_in
from aerialret.training.training_data import PlacePixels, load_places


def training_pixels(
    tileset: TileSet,
    split: pd.DataFrame,
    *,
    dates: tuple[str, str],
    pipeline: Pipeline,
    learns: bool,
    progress: Callable[[int, int], None] | None = None,
) -> PlacePixels:
    """The places to learn from; none if nothing is learnt.

    As large as the method sees them, unless the augmentation cuts windows out of whole tiles.

    Args:
        tileset: Holds the tiles.
        split: A row for each place: place, col, row, split.
        dates: Query date, gallery date.
        pipeline: Its sections model and train.
        learns: Whether the method learns anything.
        progress: Called with tiles read and tiles in all.

    Raises:
        NothingToDoError: There are fewer than two, but something is to be learnt.
    """
    places = _at_both_dates(tileset, places_in(split, "train"), dates) if learns else []
    if learns and len(places) < 2:
        raise NothingToDoError(
            f"training needs at least 2 places with tiles at {dates[0]} and {dates[1]}, but the "
            f"split leaves {len(places)}; lower split.val_share, split.test_share or "
            "split.buffer_tiles, or ingest more"
        )
    cuts = pipeline.train.epochs > 0 and pipeline.train.displaces
    return load_places(
        tileset, places, dates=dates, encoding=pipeline.model.mask_encoding,
        side=0 if cuts else pipeline.model.input_px, progress=progress,
    )  # fmt: skip


def validation_pixels(
    tileset: TileSet,
    split: pd.DataFrame,
    *,
    dates: tuple[str, str],
    pipeline: Pipeline,
    progress: Callable[[int, int], None] | None = None,
) -> PlacePixels:
    """The places to validate on, as large as the method sees them."""
    return load_places(
        tileset, _at_both_dates(tileset, places_in(split, "val"), dates), dates=dates,
        encoding=pipeline.model.mask_encoding, side=pipeline.model.input_px, progress=progress,
    )  # fmt: skip


def require_trainable(pipeline: Pipeline) -> None:
    """Does nothing where the method can be trained as asked for.

    Raises:
        ConfigurationError: Epochs were asked for a method that does not descend.
    """
    model, epochs = pipeline.model, pipeline.train.epochs
    if epochs and model.method != "network":
        raise ConfigurationError(
            f"train.epochs is {epochs}, but model.method {model.method!r} is not trained by "
            "epochs; set train.epochs = 0"
        )
    if epochs and model.joins_descriptors:
        raise ConfigurationError(
            f"train.epochs is {epochs}, but model.fusion {model.fusion!r} joins descriptors after "
            "the network; set train.epochs = 0, or model.fusion to 'trained'"
        )
    if epochs and pipeline.train.schedule == "alternate" and model.transformer == "none":
        raise ConfigurationError(
            "train.schedule 'alternate' trains the spatial transformer in every other epoch, but "
            "model.transformer is 'none'; set it to 'getnet', or train.schedule to 'joint'"
        )
    divides = pipeline.train.schedule == "divide-and-conquer"
    if epochs and divides and pipeline.train.batches != "clusters":
        raise ConfigurationError(
            "train.schedule 'divide-and-conquer' trains on clusters of places, but train.batches "
            f"is {pipeline.train.batches!r}; set it to 'clusters'"
        )


def require_masks(tileset: TileSet, *, dates: tuple[str, str], pipeline: Pipeline) -> None:
    """Does nothing where the tiles have the masks that the method cannot do without.

    Raises:
        ConfigurationError: It sees masks by themselves, but a date has none.
    """
    pairs_modalities = pipeline.model.input == "either" and pipeline.train.epochs > 0
    if pipeline.model.input != "mask" and not pairs_modalities:
        return
    bare = [date for date in dates if not tileset.has_masks(date)]
    if bare:
        raise ConfigurationError(
            f"model.input is {pipeline.model.input!r}, but date {bare[0]} of {tileset.folder} has "
            "no vectors; ingest it again with '--vectors', or set model.input = 'image'"
        )


def _at_both_dates(tileset: TileSet, places: list[TileId], dates: tuple[str, str]) -> list[TileId]:
    both = set(tileset.tiles(dates[0])) & set(tileset.tiles(dates[1]))
    return [place for place in places if place in both]
