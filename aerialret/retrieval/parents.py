"""Whether artefacts belong together: two or three go in, an error names the one that is stale."""

from aerialret.errors import ConfigurationError, StaleArtefactError
from aerialret.network.checkpoint import Model
from aerialret.retrieval.index_store import Index
from aerialret.tiles.tileset import TileSet


def require_tile_size(model: Model, *, tileset: TileSet) -> None:
    """Checks that `model` can see the tiles of `tileset`.

    Raises:
        ConfigurationError: Their rasters differ in size.
    """
    if model.grid.tile_px != tileset.grid.tile_px:
        raise ConfigurationError(
            f"model {model.folder} sees tiles of {model.grid.tile_px} px, but tile set "
            f"{tileset.folder} has tiles of {tileset.grid.tile_px} px; "
            f"ingest with '--tile-px {model.grid.tile_px}' or train on this tile set"
        )


def require_parents(index: Index, *, model: Model, tileset: TileSet) -> None:
    """Checks that `index` was made from this model and this tile set.

    Raises:
        StaleArtefactError: It was made from others.
    """
    given = {
        "model": (model.folder, model.content_hash),
        "tile_set": (tileset.folder, tileset.content_hash),
    }
    for kind, (folder, content_hash) in given.items():
        built_from = index.manifest.parents.get(kind, "nothing")
        if built_from != content_hash:
            name = kind.replace("_", " ")
            raise StaleArtefactError(
                f"index {index.folder} was built from {name} {built_from[:12]}, but {name} "
                f"{folder} is {content_hash[:12]}; run 'aerialret index {tileset.folder} "
                f"--model {model.folder} --out {index.folder} --replace'"
            )
