import struct
import tracemalloc
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pyogrio
import pytest
import shapely
from shapely import LineString, Polygon, box

from aerialret.ingestion.vectors.vector_layers import (
    BATCH_SIZE,
    layers_of,
    read_batches,
    read_features,
)
from aerialret.tiles.grid import Bounds
from tests.geodata import CRS, LEFT, TOP, write_layer

SUFFIXES = (".shp", ".gpkg", ".geojson", ".fgb", ".parquet")
WINDOW = Bounds(LEFT + 20, TOP - 45, LEFT + 90, TOP - 15)


def _slanted(count: int) -> list[LineString]:
    """Lines whose rectangles touch windows that the lines themselves miss."""
    corners = np.random.default_rng(1).uniform(0, 100, (count, 4))
    return [LineString([(LEFT + a, TOP - b), (LEFT + c, TOP - d)]) for a, b, c, d in corners]


def _layer(path: Path):
    return layers_of(path, label=path.name)[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("window", [None, WINDOW])
def test_batches_joined_are_what_gdal_reads_at_once(tmp_path, suffix, window):
    kinds = [f"Château {index}" if index % 5 else None for index in range(300)]
    path = write_layer(
        tmp_path / f"a{suffix}", _slanted(300), NATURE=kinds, LARGEUR=np.arange(300.0), ID=kinds
    )
    batches = list(
        read_batches(
            _layer(path),
            columns=["LARGEUR", "NATURE"],
            given_crs="",
            extent=(window, CRS) if window else None,
            batch_size=37,
        )
    )
    if suffix == ".parquet":
        whole = gpd.read_parquet(path)
        whole = whole[whole.intersects(box(*window))] if window else whole
    else:
        whole = pyogrio.read_dataframe(path, bbox=tuple(window) if window else None)
    assert len(batches) > 2
    assert max(map(len, batches)) <= 37
    together = pd.concat(batches).sort_values("LARGEUR")
    whole = whole.sort_values("LARGEUR")
    assert together["LARGEUR"].tolist() == whole["LARGEUR"].tolist()
    assert together["NATURE"].fillna("").tolist() == whole["NATURE"].fillna("").tolist()
    assert shapely.equals(together.geometry.to_numpy(), whole.geometry.to_numpy()).all()
    assert list(together.columns) == ["LARGEUR", "NATURE", "geometry"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_window_beside_all_features_gives_no_batch_and_an_empty_frame(tmp_path, suffix):
    layer = _layer(write_layer(tmp_path / f"a{suffix}", _slanted(9), NATURE=["x"] * 9))
    extent = (Bounds(0, 0, 1, 1), CRS)
    assert list(read_batches(layer, columns=["NATURE"], given_crs="", extent=extent)) == []
    frame = read_features(layer, columns=["NATURE"], given_crs="", extent=extent)
    assert list(frame.columns) == ["NATURE", "geometry"]
    assert frame.crs == CRS


@pytest.mark.parametrize("encoding", ["wkb", "geoarrow"])
def test_geoparquet_is_read_in_both_of_its_encodings(tmp_path, encoding):
    lines = _slanted(5)
    gpd.GeoDataFrame({"N": range(5)}, geometry=lines, crs=CRS).to_parquet(
        tmp_path / "a.parquet", geometry_encoding=encoding
    )
    frame = read_features(_layer(tmp_path / "a.parquet"), columns=["N"], given_crs="", extent=None)
    assert shapely.equals(frame.geometry.to_numpy(), lines).all()


@pytest.mark.filterwarnings("ignore:Layer 'a' has been declared:RuntimeWarning")
@pytest.mark.parametrize("kind", ["LineString Z", "LineString M", "LineString ZM"])
@pytest.mark.parametrize("suffix", [".shp", ".gpkg"])
def test_heights_and_measures_are_left_out(tmp_path, suffix, kind):
    numbers = " ".join("7" for letter in kind.split()[1])
    line = shapely.from_wkt(f"{kind.upper()} (1 2 {numbers}, 5 9 {numbers})")
    _write_wkb(tmp_path / f"a{suffix}", [shapely.to_wkb(line, flavor="iso", output_dimension=4)])
    frame = read_features(_layer(tmp_path / f"a{suffix}"), columns=[], given_crs="", extent=None)
    assert frame.geometry.to_wkt().tolist() == ["LINESTRING (1 2, 5 9)"]


def test_curves_are_drawn_with_straight_pieces(tmp_path):
    circle = [(0, 5), (5, 10), (10, 5), (5, 0), (0, 5)]
    arcs = struct.pack("<BII10d", 1, 8, 5, *(number for point in circle for number in point))
    triangle = shapely.to_wkb(Polygon([(0, 0), (2, 0), (2, 3)]))
    path = tmp_path / "a.gpkg"
    _write_wkb(path, [struct.pack("<BII", 1, 10, 1) + arcs, None, triangle], kind="Unknown")
    frame = read_features(_layer(path), columns=["N"], given_crs="", extent=None)
    assert frame["N"].tolist() == [0, 1, 2]
    assert frame.geometry[0].area == pytest.approx(25 * np.pi, rel=0.01)
    assert frame.geometry[1] is None
    assert frame.geometry[2].area == 3


@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".parquet"])
def test_memory_does_not_grow_with_the_layer(tmp_path, suffix):
    peaks = []
    for count in (4_000, 32_000):
        squares = shapely.box(np.arange(count), 0, np.arange(count) + 1, 2)
        path = tmp_path / f"a{count}{suffix}"
        frame = gpd.GeoDataFrame({"NATURE": ["Indifférenciée"] * count}, geometry=squares, crs=CRS)
        if suffix == ".parquet":
            frame.to_parquet(path, row_group_size=2_000)
        else:
            frame.to_file(path)
        layer = _layer(path)
        del squares, frame
        tracemalloc.start()
        before = pyarrow.total_allocated_bytes()
        arrow = 0
        for _ in read_batches(layer, columns=["NATURE"], given_crs="", extent=None, batch_size=500):
            arrow = max(arrow, pyarrow.total_allocated_bytes() - before)
        peaks.append((tracemalloc.get_traced_memory()[1], arrow))
        tracemalloc.stop()
    (small, small_arrow), (large, large_arrow) = peaks
    assert large < 1.2 * small + 200_000
    assert large_arrow < 1.2 * small_arrow + 200_000


def test_the_default_batch_is_that_of_the_module(tmp_path):
    squares = shapely.box(np.arange(BATCH_SIZE + 1), 0, np.arange(BATCH_SIZE + 1) + 1, 2)
    layer = _layer(write_layer(tmp_path / "a.fgb", squares))
    batches = read_batches(layer, columns=[], given_crs="", extent=None)
    assert [len(batch) for batch in batches] == [BATCH_SIZE, 1]


def _write_wkb(path: Path, shapes: list[bytes | None], *, kind: str = "LineString") -> None:
    """A layer of geometries that geopandas would not hold or not write."""
    pyogrio.raw.write(
        path,
        np.array(shapes, dtype=object),
        [np.arange(len(shapes))],
        ["N"],
        geometry_type=kind,
        crs=CRS,
        promote_to_multi=False,
    )
