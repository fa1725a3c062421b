from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from shapely import LineString, Polygon, box

from aerialret.config import SourceConfig
from aerialret.ingestion.vectors.masks import MaskPainter
from aerialret.ingestion.vectors.vector import read_vectors
from aerialret.ingestion.vectors.vector_coverage import Coverage
from aerialret.ingestion.vectors.vector_summary import VectorFeatures
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.palette import CODES, NO_COVERAGE, PAINT_ORDER
from tests.geodata import CRS, LEFT, SHARED, TOP, write_layer

GRID = Grid(crs=CRS, tile_size_m=64, tile_px=48, origin_x_m=LEFT, origin_y_m=TOP)


def _features(*drawn: tuple[str, Polygon], coverage: object | None = None) -> VectorFeatures:
    geometries = np.empty(len(drawn), object)
    geometries[:] = [shape for _, shape in drawn]
    area = box(LEFT - 999, TOP - 999, LEFT + 999, TOP + 999) if coverage is None else coverage
    return VectorFeatures(
        geometries=geometries,
        codes=np.array([CODES[name] for name, _ in drawn], np.uint8),
        coverage=Coverage(area=area),
    )


def _painter(features: VectorFeatures) -> MaskPainter:
    return MaskPainter(features.areas, coverage=features.coverage.area)


def _alone(shapes: list, bounds: Bounds, shape: tuple[int, int]) -> np.ndarray:
    """Rasterio's own drawing of one rectangle."""
    return rasterize(
        shapes or [(Polygon(), 0)],
        out_shape=shape,
        transform=from_bounds(*bounds, shape[1], shape[0]),
        dtype="uint8",
    )


def test_a_mask_is_what_rasterio_draws_on_the_tile_alone():
    rng = np.random.default_rng(4)
    drawn = []
    for name in rng.choice(list(CODES), 150):
        x, y = rng.uniform(-20, 150, 2)
        corners = rng.uniform(0, 25, (5, 2)) + np.array([LEFT + x, TOP - y])
        drawn.append((str(name), shapely.convex_hull(shapely.multipoints(corners))))
    painter = _painter(_features(*drawn))
    ordered = sorted(drawn, key=lambda item: PAINT_ORDER.index(CODES[item[0]]))
    shapes = [(shape, CODES[name]) for name, shape in ordered]
    for tile in (TileId(0, 0), TileId(1, 0), TileId(0, 1), TileId(-1, 1)):
        bounds = GRID.bounds(tile)
        np.testing.assert_array_equal(
            painter.draw(bounds, shape=(48, 48)), _alone(shapes, bounds, (48, 48))
        )


@given(st.permutations(PAINT_ORDER))
@settings(max_examples=20, deadline=None)
def test_the_paint_order_does_not_depend_on_the_order_of_the_layers(codes):
    names = {code: name for name, code in CODES.items()}
    # Each class in a strip of its own, from the bottom of the order outwards.
    drawn = [
        (names[code], box(LEFT, TOP - 48, LEFT + 4 * (13 - PAINT_ORDER.index(code) - 1), TOP))
        for code in codes
    ]
    mask = _painter(_features(*drawn)).draw(Bounds(LEFT, TOP - 1, LEFT + 48, TOP), shape=(1, 12))
    assert mask[0].tolist() == list(reversed(PAINT_ORDER))


def test_outside_the_coverage_a_mask_says_so():
    corner = Polygon([(LEFT, TOP), (LEFT + 64, TOP), (LEFT, TOP - 64)])
    everywhere = box(LEFT - 10, TOP - 100, LEFT + 100, TOP + 10)
    painter = _painter(_features(("water", everywhere), coverage=corner))
    mask = painter.draw(GRID.bounds(TileId(0, 0)), shape=(48, 48))
    inside = _alone([(corner, 1)], GRID.bounds(TileId(0, 0)), (48, 48)).astype(bool)
    assert 0.4 < inside.mean() < 0.6
    np.testing.assert_array_equal(mask, np.where(inside, CODES["water"], NO_COVERAGE))
    far = painter.draw(GRID.bounds(TileId(3, 0)), shape=(48, 48))
    assert (far == NO_COVERAGE).all()


def test_inside_the_coverage_nothing_is_background():
    mask = _painter(_features(coverage=box(LEFT, TOP - 64, LEFT + 64, TOP))).draw(
        GRID.bounds(TileId(0, 0)), shape=(48, 48)
    )
    assert (mask == 0).all()


def test_without_vectors_there_is_no_coverage():
    mask = _painter(VectorFeatures()).draw(GRID.bounds(TileId(0, 0)), shape=(48, 32))
    assert mask.shape == (48, 32)
    assert (mask == NO_COVERAGE).all()


def test_touching_rectangles_draw_one_picture():
    wedge = Polygon([(LEFT + 3, TOP - 2), (LEFT + 125, TOP - 9), (LEFT + 40, TOP - 60)])
    painter = _painter(_features(("vegetation", wedge)))
    whole = painter.draw(GRID.block_bounds(TileId(0, 0), cols=2, rows=1), shape=(48, 96))
    halves = [painter.draw(GRID.bounds(TileId(col, 0)), shape=(48, 48)) for col in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), whole)


def test_a_thin_road_is_an_unbroken_line(tmp_path):
    road = LineString([(LEFT + 1, TOP - 3), (LEFT + 60, TOP - 50)])
    write_layer(tmp_path / "route.shp", [road], LARGEUR=[0.1])
    features = read_vectors(
        SourceConfig(vectors=("route.shp",), vector_coverage="all.shp"),
        base=write_layer(tmp_path / "all.shp", [box(LEFT, TOP - 64, LEFT + 64, TOP)], N=[1]).parent,
        crs=CRS,
        extent=None,
        least_width_m=GRID.resolution_m,
    )
    mask = _painter(features).draw(GRID.bounds(TileId(0, 0)), shape=(48, 48))
    columns = np.nonzero((mask == CODES["road"]).any(axis=0))[0]
    assert columns.tolist() == list(range(columns[0], columns[-1] + 1))
    assert len(columns) >= 43


@pytest.mark.parametrize(
    ("name", "crs", "bounds", "shape"),
    [
        (
            "spacenet_atlanta",
            "EPSG:32616",
            Bounds(733601.0, 3724689.0, 734051.0, 3725139.0),
            (900, 900),
        ),
        (
            "tanzania_drone",
            "EPSG:32737",
            Bounds(532854.24, 9366763.28, 532931.72, 9366840.76),
            (1000, 1000),
        ),
    ],
)
def test_real_buildings_are_drawn_as_rasterio_draws_them(name, crs, bounds, shape):
    folder = SHARED / "georef_vectors" / name
    if not folder.is_dir():
        pytest.skip("the shared georeferenced vectors are not here")
    gpd = pytest.importorskip("geopandas")
    frame = gpd.read_file(folder / "buildings.geojson").to_crs(crs)
    frame = frame[~(frame.geometry.is_empty | frame.geometry.isna())]
    frame["geometry"] = frame.geometry.make_valid()
    expected = _alone([(item, 6) for item in frame.geometry], bounds, shape)
    features = read_vectors(
        SourceConfig(vectors=(f"{folder / 'buildings.geojson'}=building",)),
        base=Path(),
        crs=crs,
        extent=bounds,
        least_width_m=bounds.width / shape[1],
    )
    mask = _painter(features).draw(bounds, shape=shape)
    assert 0.03 < (mask == 6).mean() < 0.7
    np.testing.assert_array_equal(mask, expected)
