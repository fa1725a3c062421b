"""What an ingest will take: orthophotos and a grid go in; tiles, bytes and seconds come out.

Tiles and blocks are counted; bytes and seconds are told from a small sample that is decoded as an
ingest would decode it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pyarrow
import pyproj
from numpy.typing import NDArray
from rasterio.windows import Window

from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.imagery.decoding import decode_band
from aerialret.ingestion.imagery.footprints import footprint
from aerialret.ingestion.imagery.open_files import OpenFiles
from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.ingestion.imagery.reduced_file import ReducedFile, reduced
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import block_tiles_for

SAMPLE_S = 5.0
"""Most seconds that the sample is decoded for."""

DECODING_SHARE = 0.8
"""Share of an ingest's time that is decoding; the rest averages, draws, compresses and writes."""

_SAMPLES = 24
_SAMPLE_PX = 1024
_MASK_BYTES = 0.06  # a pixel, for mask and valid pixels together: long runs of few values


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an ingest will take.

    Attributes:
        tiles: Cells of the grid that touch the imagery; some may prove too empty.
        blocks: Blocks that they are written in.
        source_pixels: Pixels of all orthophotos.
        bytes_on_disk: About how large the date will be.
        seconds: About how long it takes to read the imagery and write the tiles.
        sampled_pixels: Source pixels that were decoded to tell so.
        sample_s: How long that took.
    """

    tiles: int
    blocks: int
    source_pixels: int
    bytes_on_disk: int
    seconds: float
    sampled_pixels: int
    sample_s: float


def estimate(
    files: Sequence[OrthoFile],
    *,
    grid: Grid,
    workers: int,
    sample_s: float = SAMPLE_S,
    clock: Callable[[], float] = perf_counter,
) -> Estimate:
    """What ingesting `files` on `grid` will take.

    Args:
        files: The orthophotos of a date.
        grid: The tile set's grid.
        workers: How many processes or threads decode at the same time.
        sample_s: Most seconds that the sample is decoded for; one window always is.
        clock: Seconds that pass; tests let them pass as they like.

    Raises:
        UnreadableInputError: A file of the sample cannot be decoded.
    """
    crs = parse_crs(grid.crs, option="crs")
    cells = touched_cells(files, grid=grid, crs=crs)
    side = block_tiles_for(grid.tile_px)
    pixels, seconds, share = _sample(files, grid, crs, sample_s=sample_s, clock=clock)
    source_pixels = sum(file.width * file.height for file in files)
    decoding = source_pixels * seconds / pixels / max(workers, 1) if pixels else 0.0
    return Estimate(
        tiles=len(cells),
        blocks=len({(cell.col // side, cell.row // side) for cell in cells}),
        source_pixels=source_pixels,
        bytes_on_disk=round(len(cells) * grid.tile_px**2 * (3 * share + _MASK_BYTES)),
        seconds=decoding / DECODING_SHARE,
        sampled_pixels=pixels,
        sample_s=seconds,
    )


def touched_cells(files: Sequence[OrthoFile], *, grid: Grid, crs: pyproj.CRS) -> set[TileId]:
    """The cells that share area with the rectangle of a file."""
    return grid.tiles_touching_any({footprint(file, crs) for file in files})


def _sample(
    files: Sequence[OrthoFile],
    grid: Grid,
    crs: pyproj.CRS,
    *,
    sample_s: float,
    clock: Callable[[], float],
) -> tuple[int, float, float]:
    """Source pixels that were decoded, the seconds it took, and how far they compress."""
    opened = OpenFiles()
    zstd = pyarrow.Codec("zstd", compression_level=3)  # as the pixel store compresses
    pixels, raw, packed, start = 0, 0, 0, clock()
    spent = 0.0
    try:
        for file, number in _spread(files):
            size = (grid.resolution_m, grid.resolution_m)
            picture = reduced(file, crs=crs, pixel_m=size)
            window = _window(picture, number)
            values = decode_band(opened, picture, window).values
            spent = clock() - start
            pixels += int(window.width * window.height) * 4**picture.level
            thin = _as_tile(values)
            raw, packed = raw + thin.nbytes, packed + len(zstd.compress(thin.tobytes()))
            if spent >= sample_s:
                break
    finally:
        opened.close()
    return pixels, spent, packed / raw if raw else 0.0


def _spread(files: Sequence[OrthoFile]) -> Iterator[tuple[OrthoFile, int]]:
    """Files from all over the source, each with a number that tells where to look in it.

    They come in an order in which every beginning is spread: the first, the middle, the quarters.
    """
    order = sorted(range(_SAMPLES), key=lambda number: f"{number:05b}"[::-1])
    for number in order if files else ():
        yield files[number * len(files) // _SAMPLES], number


def _window(picture: ReducedFile, number: int) -> Window:
    """Whole blocks of samples, about `_SAMPLE_PX` source pixels wide."""
    across, down = (
        _interval(length, block=block, level=picture.level, number=number)
        for length, block in zip(
            (picture.width, picture.height), picture.file.block_shape[::-1], strict=True
        )
    )
    return Window(across[0], down[0], across[1], down[1])


def _interval(length: int, *, block: int, level: int, number: int) -> tuple[int, int]:
    """Start and length of samples, from the beginning of a block."""
    step = max(block >> level, 1)
    wanted = min(max(step, _SAMPLE_PX >> level) // step * step, length)
    places = max((length - wanted) // step, 0) + 1
    return (number * 7 % places) * step, wanted


def _as_tile(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Three bands of 8 bits, as many as a tile has, of about a tile's roughness."""
    bands = np.repeat(values, 3, axis=0) if len(values) == 1 else values
    if bands.dtype == np.uint8:
        return np.ascontiguousarray(bands)
    low, high = float(np.nanmin(bands)), float(np.nanmax(bands))
    scaled = (bands.astype(np.float32) - low) / max(high - low, 1e-9) * 255
    return np.ascontiguousarray(np.nan_to_num(scaled).astype(np.uint8))
