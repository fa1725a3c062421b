"""Pieces give the samples of a plain read, decode each of them once, and keep to their memory."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from aerialret.config import SourceConfig
from aerialret.ingestion.imagery import piece_lattice
from aerialret.ingestion.imagery.decoded_pieces import DecodedPieces
from aerialret.ingestion.imagery.orthophoto import inspect_orthos
from aerialret.ingestion.imagery.reduced_file import ReducedFile
from aerialret.ingestion.imagery.wavelet import Band
from tests.geodata import noise, write_raster

WIDTH, HEIGHT = 150, 110
PIXELS = noise(bands=3, height=HEIGHT, width=WIDTH)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> ReducedFile:
    path = write_raster(
        tmp_path_factory.mktemp("ortho") / "a.tif", PIXELS, tiled=True, blockxsize=32, blockysize=16
    )
    (file,) = inspect_orthos([Path(path)], source=SourceConfig())
    return ReducedFile(file=file, level=0)


class Decoder:
    """Hands out the pixels, and counts how often."""

    def __init__(self, *, masked: bool = False) -> None:
        self.windows: Counter[tuple[int, ...]] = Counter()
        self.masked = masked
        self._lock = threading.Lock()

    def __call__(self, picture: ReducedFile, window: Window) -> Band:
        with self._lock:
            self.windows[window.col_off, window.row_off, window.width, window.height] += 1
        rows = slice(window.row_off, window.row_off + window.height)
        cols = slice(window.col_off, window.col_off + window.width)
        share = PIXELS[0, rows, cols] / np.float32(255) if self.masked else None
        return Band(PIXELS[:, rows, cols].copy(), share)


@settings(max_examples=40)
@given(st.data())
def test_any_window_is_that_of_a_plain_read(picture: ReducedFile, data: st.DataObject) -> None:
    col, row = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(0, HEIGHT - 1))
    width = data.draw(st.integers(1, WIDTH - col))
    window = Window(col, row, width, data.draw(st.integers(1, HEIGHT - row)))
    kept = data.draw(st.sampled_from([0, 10_000, 10**8]))
    decoder = Decoder(masked=data.draw(st.booleans()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piece_lattice, "PIECE_PX", 40)
        with DecodedPieces(decoder, kept_bytes=kept) as pieces:
            values, valid = pieces.read(picture, window)
    expected, share = Decoder(masked=decoder.masked)(picture, window)
    np.testing.assert_array_equal(values, expected)
    assert (valid is None) == (share is None)
    if share is not None:
        np.testing.assert_array_equal(valid, share)


@pytest.mark.parametrize("kept_bytes", [0, 30_000, 10**8])
@pytest.mark.parametrize("threads", [1, 4])
def test_each_piece_is_decoded_once_however_little_memory_there_is(
    picture: ReducedFile, monkeypatch: pytest.MonkeyPatch, kept_bytes: int, threads: int
) -> None:
    monkeypatch.setattr(piece_lattice, "PIECE_PX", 32)
    decoder = Decoder()
    windows = [
        Window(col, row, 30, 20) for row in range(0, HEIGHT - 20, 10) for col in range(0, 120, 15)
    ]

    def read(window: Window) -> None:
        values, _ = pieces.read(picture, window)
        rows = slice(window.row_off, window.row_off + 20)
        np.testing.assert_array_equal(values, PIXELS[:, rows, window.col_off : window.col_off + 30])
        pieces.release(picture, window)

    with DecodedPieces(decoder, kept_bytes=kept_bytes, at_once=2) as pieces:
        pieces.expect([(picture, window) for window in windows])
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(read, windows))
        assert not pieces._pieces
        assert pieces._bytes == 0
        assert not pieces._spilt
    assert set(decoder.windows.values()) == {1}


def test_memory_stays_within_its_limit_and_files_go(
    picture: ReducedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_lattice, "PIECE_PX", 32)
    windows = [Window(0, row, WIDTH, 16) for row in range(0, HEIGHT - 16, 8)]
    with DecodedPieces(Decoder(), kept_bytes=20_000) as pieces:
        pieces.expect([(picture, window) for window in windows * 2])
        for window in windows:
            pieces.read(picture, window)
            assert pieces._bytes <= 20_000
        folder = pieces._folder
        assert folder is not None
        assert any(folder.iterdir())
    assert not folder.exists()


def test_a_failure_reaches_everybody_who_waits_and_is_tried_again(picture: ReducedFile) -> None:
    broken = [True]

    def decode(picture: ReducedFile, window: Window) -> Band:
        if broken[0]:
            raise OSError("cut short")
        return Decoder()(picture, window)

    with DecodedPieces(decode) as pieces:
        with pytest.raises(OSError, match="cut short"):
            pieces.read(picture, Window(0, 0, 9, 9))
        broken[0] = False
        values, _ = pieces.read(picture, Window(0, 0, 9, 9))
    np.testing.assert_array_equal(values, PIXELS[:, :9, :9])
