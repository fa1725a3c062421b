"""The written files are compared with what rasterio and pyproj read out of them."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from aerialret.errors import ConfigurationError, NothingToDoError, UnreadableInputError
from aerialret.querying.control_points import points_file, read_points
from aerialret.querying.georeference import location_facts, write_georeferenced
from aerialret.querying.photo_pixels import read_pixels
from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.pose import Pose, as_square, moved
from aerialret.verification.transform import Kind
from aerialret.verification.warp import centred
from tests.textures import textured

CRS = "EPSG:2154"
MAP_PX, RESOLUTION, LEFT, TOP = 300, 0.5, 652_013.0, 6_860_207.0
TO_MAP = np.array([[RESOLUTION, 0, LEFT], [0, -RESOLUTION, TOP], [0, 0, 1]])
POSE = Pose(x=652_080.3, y=6_860_136.9, rotation_deg=33, metres_per_px=0.4)
WIDTH, HEIGHT = 190, 120


def lay(pose: Pose = POSE) -> NDArray:
    return as_square(pose.to_map(width=WIDTH, height=HEIGHT))


def location(
    matrix: NDArray | None = None, *, kind: Kind = "similarity", doubt: str = ""
) -> Location:
    matrix = lay() if matrix is None else matrix
    places = np.random.default_rng(3).uniform([5, 7], [WIDTH, HEIGHT], (20, 2))
    noise = np.random.default_rng(4).normal(0, 0.3, (20, 2))
    points = ControlPoints(photo=places, map=moved(places, matrix) + noise)
    return Location(
        kind=kind, matrix=matrix, points=points, matches=31, width=WIDTH, height=HEIGHT, doubt=doubt
    )


def photo_of_map(chart: NDArray[np.uint8], matrix: NDArray) -> NDArray[np.uint8]:
    """What a photo that lies by `matrix` shows of the map."""
    between = centred(np.linalg.inv(TO_MAP) @ matrix)
    pixels = cv2.warpPerspective(
        np.moveaxis(chart, 0, -1), between, (WIDTH, HEIGHT),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    return np.atleast_3d(pixels).transpose(2, 0, 1)


def write(path: Path, pixels: NDArray[Any], **profile: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # photos have no position
        with rasterio.open(
            path, "w", driver="GTiff", count=len(pixels), height=pixels.shape[1],
            width=pixels.shape[2], dtype=pixels.dtype, **profile,
        ) as raster:  # fmt: skip
            raster.write(pixels)
    return path


HOMOGRAPHY = lay() @ np.array([[1, 0.1, 0], [0.02, 1, 0], [6e-4, -4e-4, 1]])


@pytest.mark.parametrize(("kind", "matrix"), [("similarity", lay()), ("homography", HOMOGRAPHY)])
def test_the_picture_shows_at_each_place_what_the_map_shows_there(
    tmp_path: Path, kind: Kind, matrix: NDArray
) -> None:
    chart = textured(MAP_PX, blur_px=4)
    photo = write(tmp_path / "photo.tif", photo_of_map(chart, matrix))
    out, *_ = write_georeferenced(photo, location(matrix, kind=kind), tmp_path / "out.tif", crs=CRS)
    with rasterio.open(out) as picture:
        assert picture.crs == CRS
        pixels = picture.read()
        y, x = np.nonzero(pixels[3])
        places = np.column_stack(picture.transform * (x + 0.5, y + 0.5))
    col, row = moved(places, np.linalg.inv(matrix)).T
    inside = (col > 3) & (row > 3) & (col < WIDTH - 3) & (row < HEIGHT - 3)
    assert inside.sum() > 15_000
    on_chart = (moved(places[inside], np.linalg.inv(TO_MAP)) - 0.5).astype(np.float32)
    wanted = cv2.remap(np.moveaxis(chart, 0, -1), on_chart[None], None, cv2.INTER_CUBIC)[0]
    off = pixels[:3, y[inside], x[inside]].T.astype(float) - wanted
    assert np.abs(off).mean() < 1  # a shift of half a pixel gives 4


def test_the_picture_is_tiled_compressed_and_transparent_outside_the_photo(tmp_path: Path) -> None:
    white = np.full((3, HEIGHT, WIDTH), 255, np.uint8)
    photo = write(tmp_path / "p.tif", white, photometric="RGB")
    out, *_ = write_georeferenced(photo, location(), tmp_path / "deep" / "o.tif", crs=CRS)
    with rasterio.open(out) as picture:
        assert picture.profile["tiled"]
        assert picture.compression.name == "deflate"
        assert [c.name for c in picture.colorinterp] == ["red", "green", "blue", "alpha"]
        assert picture.res == (0.4, 0.4)
        # It is rotated by nothing, and its lines lie at multiples of a pixel.
        assert (picture.transform.b, picture.transform.d) == (0, 0)
        assert picture.transform.c / 0.4 == pytest.approx(round(picture.transform.c / 0.4))
        alpha, red = picture.read(4), picture.read(1)
        covered = (alpha > 0).sum() * 0.4**2
    assert covered == pytest.approx(WIDTH * HEIGHT * 0.4**2, rel=0.01)
    assert (red[alpha == 0] == 0).all()
    assert (red[alpha > 0] == 255).all()
    assert not list(out.parent.glob(".*"))


def test_a_picture_of_many_blocks_has_no_seams(tmp_path: Path) -> None:
    rows, cols = np.indices((1300, 1700))
    slope = (rows * 17 + cols * 23).astype(np.uint16)
    photo = write(tmp_path / "p.tif", slope[None])
    pose = Pose(x=POSE.x, y=POSE.y, rotation_deg=-28, metres_per_px=0.7)
    matrix = as_square(pose.to_map(width=1700, height=1300))
    where = Location(
        kind="similarity", matrix=matrix, points=location().points, matches=20, width=1700,
        height=1300,
    )  # fmt: skip
    out, *_ = write_georeferenced(photo, where, tmp_path / "o.tif", crs=CRS)
    with rasterio.open(out) as picture:
        assert picture.count == 2
        assert picture.dtypes == ("uint16", "uint16")
        values, alpha = picture.read()
        y, x = np.nonzero(alpha)
        places = np.column_stack(picture.transform * (x + 0.5, y + 0.5))
    col, row = moved(places, np.linalg.inv(matrix)).T - 0.5
    inside = (col > 1) & (row > 1) & (col < 1698) & (row < 1298)
    off = np.abs(values[y, x] - (row * 17 + col * 23))[inside]
    assert inside.sum() > 2_000_000
    assert off.max() < 2


def test_pixels_without_image_stay_transparent(tmp_path: Path) -> None:
    pixels = np.full((1, HEIGHT, WIDTH), 9, np.uint8)
    pixels[:, :, :60] = 0
    photo = write(tmp_path / "p.tif", pixels, nodata=0)
    out, *_ = write_georeferenced(photo, location(), tmp_path / "o.tif", crs=CRS)
    with rasterio.open(out) as picture:
        covered = (picture.read(2) > 0).sum()
    assert covered == pytest.approx(HEIGHT * (WIDTH - 60), rel=0.01)


def test_control_points_come_back_as_they_went() -> None:
    where = location()
    read = read_points(points_file(where, crs=CRS))
    assert pyproj.CRS.from_wkt(read.crs) == pyproj.CRS.from_user_input(CRS)
    np.testing.assert_allclose(read.points.photo, where.points.photo, atol=1e-6)
    np.testing.assert_allclose(read.points.map, where.points.map, atol=1e-6)
    # A similarity scales all lengths alike.
    np.testing.assert_allclose(read.residuals_px * POSE.metres_per_px, where.residuals_m, atol=1e-4)


def test_control_points_are_written_as_qgis_writes_them() -> None:
    lines = points_file(location(), crs=CRS).splitlines()
    assert lines[0].startswith('#CRS: PROJCRS["RGF93')
    assert lines[1] == "mapX,mapY,sourceX,sourceY,enable,dX,dY,residual"
    x, y, col, row, enable, *_ = lines[2].split(",")
    first = location().points
    assert (float(x), float(y)) == pytest.approx(tuple(first.map[0]), abs=1e-5)
    assert (float(col), float(row)) == pytest.approx((first.photo[0, 0], -first.photo[0, 1]))
    assert enable == "1"


def test_gdal_fits_the_same_transform_to_the_control_points() -> None:
    from rasterio.control import GroundControlPoint
    from rasterio.transform import from_gcps

    where = location()
    read = read_points(points_file(where, crs=CRS)).points
    transform = from_gcps(
        [
            GroundControlPoint(row=row, col=col, x=x, y=y)
            for (col, row), (x, y) in zip(read.photo, read.map, strict=True)
        ]
    )
    ends = np.array([transform * end for end in ((0, 0), (WIDTH, HEIGHT))])
    np.testing.assert_allclose(ends, where.corners[[0, 2]], atol=0.6)  # the points are 0.3 m off


@pytest.mark.parametrize("text", ["", "mapX,mapY\n1,2\n", "#CRS: \nx,y\n1,2\n"])
def test_other_texts_are_no_control_points(text: str) -> None:
    with pytest.raises(UnreadableInputError, match="no control points of QGIS 3"):
        read_points(text)


def test_the_summary_says_what_was_fitted(tmp_path: Path) -> None:
    photo = write(tmp_path / "p.tif", np.ones((1, HEIGHT, WIDTH), np.uint8))
    _, points, summary = write_georeferenced(
        photo, location(), tmp_path / "o.tif", crs=CRS, facts={"query": "p.tif"}
    )
    told = json.loads(summary.read_text())
    assert (told["fitted"], told["inliers"], told["crs"]) == ("similarity", 20, CRS)
    assert told["query"] == "p.tif"
    assert told["rmse_m"] == pytest.approx(0.3 * math.sqrt(2), rel=0.3)
    assert told["rotation_deg"] == pytest.approx(33)
    np.testing.assert_allclose(told["corners"], location().corners, atol=1e-3)
    assert len(read_points(points.read_text()).points) == 20
    assert location_facts(location())["verified"]


def test_what_is_not_believed_is_not_written(tmp_path: Path) -> None:
    photo = write(tmp_path / "p.tif", np.ones((1, HEIGHT, WIDTH), np.uint8))
    with pytest.raises(NothingToDoError, match="only 3 of 9 matches agree"):
        write_georeferenced(
            photo, location(doubt="only 3 of 9 matches agree"), tmp_path / "o.tif", crs=CRS
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.tif"]


def test_pictures_of_another_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"written as .tif, .tiff"):
        write_georeferenced(tmp_path / "p.tif", location(), tmp_path / "o.png", crs=CRS)


def test_a_location_of_a_reduced_photo_holds_for_the_photo() -> None:
    where = location()
    larger = where.resized(width=3 * WIDTH, height=2 * HEIGHT)
    np.testing.assert_allclose(larger.corners, where.corners)
    np.testing.assert_allclose(larger.residuals_m, where.residuals_m)
    np.testing.assert_allclose(larger.points.photo, where.points.photo * [3, 2])


def test_large_photos_are_reduced_and_colours_of_a_palette_are_looked_up(tmp_path: Path) -> None:
    codes = np.zeros((1, 40, 80), np.uint8)
    codes[:, 20:] = 7
    path = write(tmp_path / "p.tif", codes, photometric="palette")
    with rasterio.open(path, "r+") as raster:
        raster.write_colormap(1, {0: (10, 20, 30, 255), 7: (200, 100, 50, 255)})
    pixels = read_pixels(path, longest_px=20)
    assert pixels.image.shape == (3, 10, 20)
    assert (pixels.width, pixels.height) == (80, 40)
    assert pixels.image[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels.image[:, -1, -1].tolist() == [200, 100, 50]
    assert pixels.valid.all()
