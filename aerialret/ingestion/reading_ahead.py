"""Decoding ahead of those who read: cells in their order go in, pieces are ready when they come."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aerialret.ingestion.imagery.orthophoto import OrthoMosaic
from aerialret.tiles.grid import Grid, TileId


@contextmanager
def reading_ahead(
    mosaic: OrthoMosaic, cells: Sequence[TileId], *, grid: Grid, workers: int
) -> Iterator[None]:
    """Decodes pieces in the order of their first use, as far ahead as memory allows.

    Two blocks that need the same piece would else wait for each other with idle cores.

    Args:
        mosaic: The orthophotos.
        cells: The cells that will be read and released, in their order.
        grid: The grid.
        workers: Pieces decoded at a time.
    """
    bounds = [grid.bounds(cell) for cell in cells]
    ahead = iter(mosaic.expect(bounds, shape=(grid.tile_px, grid.tile_px)))
    lock, stop = threading.Lock(), threading.Event()
    pieces = mosaic.pieces

    def decode() -> None:
        while not stop.is_set():
            if not pieces.has_room():
                stop.wait(0.02)
                continue
            with lock:
                key, picture = next(ahead, (None, None))
            if key is None or picture is None:
                return
            if not pieces.is_known(key):
                try:
                    pieces.prefetch(key, picture)
                except Exception:  # who needs the piece will meet the same failure and tell it
                    return

    threads = [threading.Thread(target=decode, name="decode") for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
