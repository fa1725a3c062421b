"""Areas as flat arrays are drawn as rasterio draws their polygons."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from rasterio.transform import from_bounds

from aerialret.ingestion.vectors.areas import Areas, no_areas
from aerialret.ingestion.vectors.polygon_fill import draw_areas
from aerialret.tiles.grid import Bounds

CORNERS = st.lists(
    st.tuples(st.integers(-8, 80), st.integers(-8, 80)), min_size=3, max_size=9, unique=True
)
"""Corners in half pixels, so that many lie on the middles and edges of pixels."""


def polygons(corners: list[list[tuple[int, int]]], *, scale: float) -> list:
    shapes = []
    for points in corners:
        outline = np.array(points) / 2 * scale
        mended = shapely.make_valid(shapely.Polygon(outline))
        parts = [part for part in shapely.get_parts(mended) if part.geom_type == "Polygon"]
        shapes += [shapely.MultiPolygon(parts)] if parts else []
    return shapes


def drawn(areas: Areas, bounds: Bounds, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    draw_areas(mask, areas, np.arange(len(areas)), bounds=bounds)
    return mask


def by_rasterio(shapes: list, codes: np.ndarray, bounds: Bounds, shape: tuple[int, int]):
    return rasterize(
        zip(shapes, codes.tolist(), strict=True),
        out_shape=shape,
        transform=from_bounds(*bounds, shape[1], shape[0]),
        dtype="uint8",
    )


@settings(max_examples=150)
@given(
    st.lists(CORNERS, min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 40), st.booleans()
)
def test_every_pixel_is_rasterios_even_where_outlines_run_along_pixel_middles(
    corners: list[list[tuple[int, int]]], height: int, width: int, reverse: bool
) -> None:
    shapes = polygons(corners, scale=1)
    if reverse:
        shapes = [shapely.reverse(shape) for shape in shapes]
    bounds = Bounds(0, 40 - height, width, 40)
    codes = np.arange(1, len(shapes) + 1, dtype=np.uint8)
    areas = Areas.of(np.array(shapes, dtype=object), codes)
    if shapes:
        expected = by_rasterio(shapes, codes, bounds, (height, width))
        np.testing.assert_array_equal(drawn(areas, bounds, (height, width)), expected)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(*[st.integers(0, 30)] * 4), min_size=1, max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_boxes_with_edges_on_pixel_middles_are_rasterios(
    sides: list[tuple[int, int, int, int]], ccw: bool, holes: bool
) -> None:
    shapes = []
    for left, bottom, width, height in sides:
        shape = shapely.box(
            left / 2, bottom / 2, (left + width + 1) / 2, (bottom + height + 1) / 2, ccw=ccw
        )
        if holes and width > 6 and height > 6:
            shape = shapely.difference(shape, shape.buffer(-1.5, join_style="mitre"))
        shapes.append(shape)
    codes = np.arange(1, len(shapes) + 1, dtype=np.uint8)
    bounds = Bounds(0, 0, 24, 28)
    areas = Areas.of(np.array(shapes, dtype=object), codes)
    expected = by_rasterio(shapes, codes, bounds, (28, 24))
    np.testing.assert_array_equal(drawn(areas, bounds, (28, 24)), expected)


@pytest.mark.parametrize("seed", range(4))
def test_roads_and_holes_far_from_the_origin_are_rasterios(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, top = 912_345.0, 6_812_345.0
    lines = [shapely.LineString(rng.normal((left + 80, top - 60), 30, (9, 2))) for _ in range(60)]
    shapes = [shapely.buffer(line, rng.uniform(0.4, 6), cap_style="flat") for line in lines]
    rings = [
        shapely.difference(line.centroid.buffer(20), line.centroid.buffer(12)) for line in lines[:9]
    ]
    bounds = Bounds(left, top - 150, left + 200, top)
    codes = rng.integers(1, 13, len(shapes) + 9).astype(np.uint8)
    areas = Areas.of(np.array([*shapes, *rings], dtype=object), codes)
    expected = by_rasterio([*shapes, *rings], codes, bounds, (96, 128))
    np.testing.assert_array_equal(drawn(areas, bounds, (96, 128)), expected)
    assert len(np.unique(expected)) > 5


def test_no_areas_draw_nothing() -> None:
    assert not drawn(no_areas(), Bounds(0, 0, 9, 9), (9, 9)).any()
    assert len(Areas.joined([no_areas(), no_areas()])) == 0


def test_areas_taken_joined_and_stored_are_the_same(tmp_path) -> None:
    rng = np.random.default_rng(2)
    points = [shapely.Point(*rng.uniform(0, 90, 2)) for _ in range(30)]
    shapes = np.array([point.buffer(rng.uniform(1, 9), quad_segs=3) for point in points], object)
    shapes[4] = shapely.difference(shapes[4], points[4].buffer(0.5))
    shapes[7] = shapely.MultiPolygon([shapes[1], shapely.box(200, 200, 201, 209)])
    codes = rng.integers(1, 13, 30).astype(np.uint8)
    areas = Areas.of(shapes, codes)
    chosen = rng.permutation(30)[:17]
    taken, expected = areas.take(chosen), Areas.of(shapes[chosen], codes[chosen])
    assert taken.fingerprint() == expected.fingerprint()
    halves = [areas.take(np.arange(12)), areas.take(np.arange(12, 30))]
    assert Areas.joined(halves).fingerprint() == areas.fingerprint()
    areas.save(tmp_path / "a.npz")
    assert Areas.load(tmp_path / "a.npz").fingerprint() == areas.fingerprint()
    assert areas.take(np.array([3])).fingerprint() != areas.take(np.array([5])).fingerprint()
