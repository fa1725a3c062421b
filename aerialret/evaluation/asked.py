"""What photos are asked by: a model and a date go in, what they are described by comes out."""

from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, modalities_of
from aerialret.tiles.tileset import TileSet


def asked_modalities(tileset: TileSet, model: Model, *, date: str) -> tuple[Modality, ...]:
    """All that the model sees of the photos of a date, and the image alone.

    Args:
        tileset: Holds them.
        model: Describes them.
        date: Of the photos.
    """
    if model.config.input != "image+mask":
        return modalities_of(model.config)[:1]
    return ("image+mask", "image") if tileset.has_masks(date) else ("image",)
