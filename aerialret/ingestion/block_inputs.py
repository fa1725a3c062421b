"""What a block of tiles is made from: files, areas and settings go in, a fingerprint comes out.

Two ingests that give a block the same fingerprint give it the same pixels, so that a changed
delivery remakes only the blocks that it touches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import shapely

from aerialret.ingestion.imagery.orthophoto import OrthoMosaic
from aerialret.ingestion.vectors.areas import Areas
from aerialret.manifest import hash_value
from aerialret.tiles.grid import Grid, TileId


class BlockInputs:
    """Tells what the blocks of a date are made from.

    Args:
        mosaic: The orthophotos.
        identities: What each file of the mosaic is, by its content.
        coverage: Where the vectors are complete.
        grid: The grid.
        block_tiles: Side of a block in tiles.
        settings: What else decides on pixels.
    """

    def __init__(
        self,
        mosaic: OrthoMosaic,
        identities: Sequence[Any],
        *,
        coverage: Any,
        grid: Grid,
        block_tiles: int,
        settings: Mapping[str, Any],
    ) -> None:
        self._identities = list(identities)
        self._coverage = coverage
        self._grid = grid
        self._block_tiles = block_tiles
        self._settings = hash_value(
            {"settings": settings, "range": mosaic.value_range and str(mosaic.value_range)}
        )
        self._tree = shapely.STRtree([shapely.box(*bounds) for bounds in mosaic.footprints])

    def fingerprint(self, block: TileId, areas: Areas) -> str:
        """SHA-256 of what a block is made from.

        Args:
            block: Its first cell.
            areas: The areas that reach into it.
        """
        side = self._block_tiles
        box = shapely.box(*self._grid.block_bounds(block, cols=side, rows=side))
        files = [self._identities[index] for index in sorted(self._tree.query(box).tolist())]
        covered = shapely.normalize(shapely.intersection(self._coverage, box))
        return hash_value(
            {
                "settings": self._settings,
                "files": files,
                "areas": areas.in_paint_order().fingerprint(),
                "coverage": shapely.to_wkb(covered, hex=True),
            }
        )
