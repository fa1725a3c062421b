"""Chunks give the pixels of a plain read, and decode each of them once."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.windows import Window

from aerialret.config import SourceConfig
from aerialret.ingestion import decoded_chunks
from aerialret.ingestion.decoded_chunks import DecodedChunks
from aerialret.ingestion.ortho_files import OrthoFile, inspect_ortho
from aerialret.ingestion.sampling import read_window

WIDTH, HEIGHT = 150, 110


@pytest.fixture(scope="module")
def ortho(tmp_path_factory: pytest.TempPathFactory) -> OrthoFile:
    path = tmp_path_factory.mktemp("ortho") / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (3, HEIGHT, WIDTH), np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint8",
        crs="EPSG:2154", transform=from_origin(0, 110, 1, 1), tiled=True, blockxsize=32,
        blockysize=16, nodata=7,
    ) as raster:  # fmt: skip
        raster.write(pixels)
    return inspect_ortho(path, source=SourceConfig())


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_window_is_that_of_a_plain_read(ortho: OrthoFile, data: st.DataObject) -> None:
    col, row = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(0, HEIGHT - 1))
    width = data.draw(st.integers(1, WIDTH - col))
    window = Window(col, row, width, data.draw(st.integers(1, HEIGHT - row)))
    kept = data.draw(st.sampled_from([0, 10_000, 10**8]))
    with pytest.MonkeyPatch.context() as patch, rasterio.open(ortho.path) as dataset:
        patch.setattr(decoded_chunks, "CHUNK_PX", 40)
        values, valid = DecodedChunks(kept_bytes=kept).read(dataset, ortho, window)
        plain_values, plain_valid = read_window(dataset, ortho, window)
    assert np.array_equal(values, plain_values)
    assert np.array_equal(valid, plain_valid)


def test_each_chunk_is_decoded_once_while_it_is_kept(
    ortho: OrthoFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    plain = decoded_chunks.decode
    monkeypatch.setattr(decoded_chunks, "CHUNK_PX", 64)
    monkeypatch.setattr(
        decoded_chunks,
        "decode",
        lambda dataset, file, window: decoded.append(window) or plain(dataset, file, window),
    )
    chunks = DecodedChunks()
    with rasterio.open(ortho.path) as dataset:
        for row in range(0, HEIGHT - 20, 10):
            chunks.read(dataset, ortho, Window(5, row, 140, 20))
    assert sum(window.width * window.height for window in decoded) == WIDTH * HEIGHT


def test_memory_stays_within_its_limit(ortho: OrthoFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded_chunks, "CHUNK_PX", 32)
    chunks = DecodedChunks(kept_bytes=20_000)
    with rasterio.open(ortho.path) as dataset:
        chunks.read(dataset, ortho, Window(0, 0, WIDTH, HEIGHT))
    assert sum(chunk.size_bytes for chunk in chunks._chunks.values()) == chunks._bytes <= 20_000
