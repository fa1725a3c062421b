import csv
import io
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image as Picture
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.transform import Affine, from_bounds
from rasterio.warp import Resampling, calculate_default_transform, reproject

from aerialret.config import IndexConfig, SourceConfig
from aerialret.errors import (
    AerialretError,
    ConfigurationError,
    MissingCrsError,
    MissingInputError,
    NothingToDoError,
    UnreadableInputError,
)
from aerialret.network.checkpoint import load_model
from aerialret.querying.answer_files import write_results
from aerialret.querying.answers import COLUMNS, format_answers
from aerialret.querying.contact_sheet import contact_sheet
from aerialret.querying.photo import read_photo
from aerialret.querying.query import PhotoAnswer, query
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.grid import Bounds, TileId
from tests.tiny_tileset import CRS, FIRST, tiny_grid, tiny_model, tiny_tileset

GRID = tiny_grid()
TILE = TileId(FIRST.col + 4, FIRST.row + 1)
NOTHING = SourceConfig()


def make_index(folder: Path, *, network_input: str = "image+mask") -> Index:
    tileset = tiny_tileset(folder / "t")
    model = load_model(tiny_model(folder / "m", tileset, network_input=network_input))
    dates = IndexConfig(dates=("2004", "2019"))
    build_index(tileset, model, folder / "i", config=dates, recipe=Recipe())
    return load_index(folder / "i")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return make_index(tmp_path_factory.mktemp("index"))


def pixels(index: Index, tile: TileId = TILE, date: str = "2019") -> NDArray[np.uint8]:
    assert index.tileset
    return index.tileset.read(date, [tile]).images[0]


def block(index: Index, *, cols: int, rows: int) -> tuple[NDArray[np.uint8], Bounds]:
    """The image of several tiles, `TILE` in the middle of an odd number."""
    first = TileId(TILE.col - cols // 2, TILE.row - rows // 2)
    lines = [
        np.concatenate(
            [pixels(index, TileId(first.col + c, first.row + r)) for c in range(cols)], 2
        )
        for r in range(rows)
    ]
    return np.concatenate(lines, 1), GRID.block_bounds(first, cols=cols, rows=rows)


def write_tiff(
    path: Path, image: NDArray[Any], *, transform: Affine | None = None, crs: str | None = CRS
) -> Path:
    bands, height, width = image.shape
    profile: dict[str, Any] = {"driver": "GTiff", "count": bands, "height": height, "width": width}
    if transform is not None:
        profile["transform"] = transform
    if crs:
        profile["crs"] = crs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # some photos are to have none
        with rasterio.open(path, "w", dtype=image.dtype, **profile) as raster:
            raster.write(image)
    return path


def at(bounds: Bounds, image: NDArray[Any]) -> Affine:
    return from_bounds(*bounds, image.shape[2], image.shape[1])


def tile_photo(index: Index, path: Path) -> Path:
    image = pixels(index)
    return write_tiff(path, image, transform=at(GRID.bounds(TILE), image))


def test_a_tile_as_a_photo_is_the_tile(index: Index, tmp_path: Path) -> None:
    photo = read_photo(tile_photo(index, tmp_path / "p.tif"), grid=GRID, source=NOTHING)
    np.testing.assert_array_equal(photo.image, pixels(index))
    assert photo.valid.all()
    assert photo.window == GRID.bounds(TILE)
    assert photo.true_tile == TILE
    assert photo.notes == ()


def test_a_tile_as_a_photo_finds_its_place(index: Index, tmp_path: Path) -> None:
    path = tile_photo(index, tmp_path / "p.tif")
    answer = query([path], index=index, top=3).answers[0]
    assert (answer.hits[0].place, answer.modality, answer.query) == (TILE.place, "image", str(path))
    assert answer.notes == ("searched by image alone: the mask channel is 'no coverage'",)
    assert len(answer.hits) == 3


def test_a_larger_photo_is_cut_to_its_centre(index: Index, tmp_path: Path) -> None:
    image, bounds = block(index, cols=3, rows=3)
    path = write_tiff(tmp_path / "p.tif", image, transform=at(bounds, image))
    photo = read_photo(path, grid=GRID, source=NOTHING)
    np.testing.assert_array_equal(photo.image, pixels(index))
    assert photo.notes == (
        "192 m x 192 m, larger than a tile: only the 64 m around its centre were used",
    )


def test_a_smaller_photo_is_filled_up(index: Index, tmp_path: Path) -> None:
    image = pixels(index)[:, :, 8:24]
    left, bottom, right, top = GRID.bounds(TILE)
    middle = Bounds(left + 16, bottom, right - 16, top)
    path = write_tiff(tmp_path / "p.tif", image, transform=at(middle, image))
    photo = read_photo(path, grid=GRID, source=NOTHING)
    assert photo.valid[:, 8:24].all()
    assert photo.valid.sum() == 16 * 32
    np.testing.assert_array_equal(photo.image[:, :, 8:24], image)
    assert photo.notes == ("covers 50% of a tile of 64 m: the rest was filled with 'no image'",)


def test_a_turned_photo_is_turned_back(index: Index, tmp_path: Path) -> None:
    image, bounds = block(index, cols=3, rows=3)
    # Rows of the turned raster run east, its columns north.
    turned = image[:, ::-1].transpose(0, 2, 1)
    transform = Affine(0.0, 2.0, bounds.left, 2.0, 0.0, bounds.bottom)
    path = write_tiff(tmp_path / "p.tif", turned, transform=transform)
    photo = read_photo(path, grid=GRID, source=NOTHING)
    assert np.abs(photo.image.astype(int) - pixels(index)).max() <= 1


def test_a_photo_in_another_crs_finds_the_same_place(index: Index, tmp_path: Path) -> None:
    image, bounds = block(index, cols=3, rows=3)
    height, width = image.shape[1:]
    transform, cols, rows = calculate_default_transform(CRS, "EPSG:32631", width, height, *bounds)
    other = np.zeros((3, rows, cols), np.uint8)
    reproject(
        image, other, src_transform=at(bounds, image), src_crs=CRS, dst_transform=transform,
        dst_crs="EPSG:32631", resampling=Resampling.bilinear,
    )  # fmt: skip
    path = write_tiff(tmp_path / "p.tif", other, transform=transform, crs="EPSG:32631")
    photo = read_photo(path, grid=GRID, source=NOTHING)
    assert photo.true_tile == TILE
    assert np.abs(photo.image.astype(int) - pixels(index)).mean() < 12
    found = query([path], index=index, top=1, dates=parse_interval("2019")).answers[0]
    assert found.hits[0].tile == TILE


def test_where_a_photo_lies_is_not_used_for_the_search(index: Index, tmp_path: Path) -> None:
    image = pixels(index)
    here = tile_photo(index, tmp_path / "here.tif")
    left, bottom, right, top = GRID.bounds(TILE)
    moved = Bounds(left + 5000, bottom - 300, right + 5000, top - 300)
    there = write_tiff(tmp_path / "there.tif", image, transform=at(moved, image))
    first, second = query([here, there], index=index, top=10).answers
    assert first.hits == second.hits
    assert second.photo.true_tile != TILE


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_plain_picture_is_taken_to_show_one_tile(
    suffix: str, index: Index, tmp_path: Path
) -> None:
    path = tmp_path / f"p.{suffix}"
    Picture.fromarray(np.moveaxis(pixels(index), 0, -1)).save(path, quality=100)
    answer = query([path], index=index, top=1, dates=parse_interval("2019")).answers[0]
    assert answer.hits[0].tile == TILE
    assert answer.photo.true_tile is None
    assert answer.notes[0] == "no georeference: taken to show one tile of 64 m"
    if suffix != "jpg":
        np.testing.assert_array_equal(answer.photo.image, pixels(index))


def test_a_large_picture_is_averaged_over_its_centre_square(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    large = random.integers(0, 256, (96, 160, 3), np.uint8)
    Picture.fromarray(large).save(tmp_path / "p.png")
    photo = read_photo(tmp_path / "p.png", grid=GRID, source=NOTHING)
    centre = large[:, 32:128].reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(np.moveaxis(photo.image, 0, -1) - centre).max() <= 1
    assert photo.notes[1] == "160 x 96 px: its centre square was used"


def grey(image: NDArray[np.uint8], path: Path) -> None:
    Picture.fromarray(image[0]).save(path)


def deep(image: NDArray[np.uint8], path: Path) -> None:
    write_tiff(path, image.astype(np.uint16) * 16 + 300, crs=None)


def palette(image: NDArray[np.uint8], path: Path) -> None:
    Picture.fromarray(np.moveaxis(image, 0, -1)).quantize(64).save(path)


@pytest.mark.parametrize(
    ("write", "name", "tolerance"),
    [(grey, "p.png", 0), (deep, "p.tif", 60), (palette, "p.png", 25)],
)
def test_pictures_of_every_kind_are_read_as_colours(
    write: Callable[[NDArray[np.uint8], Path], None],
    name: str,
    tolerance: float,
    index: Index,
    tmp_path: Path,
) -> None:
    write(pixels(index), tmp_path / name)
    photo = read_photo(tmp_path / name, grid=GRID, source=NOTHING)
    wanted = pixels(index) if write is not grey else pixels(index)[[0, 0, 0]]
    assert photo.image.dtype == np.uint8
    assert np.abs(photo.image.astype(int) - wanted).mean() <= tolerance
    assert np.corrcoef(photo.image.ravel(), wanted.ravel())[0, 1] > 0.95


def test_transparent_pixels_are_no_image(index: Index, tmp_path: Path) -> None:
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[3:9, 20:] = 0
    Picture.fromarray(np.dstack([np.moveaxis(pixels(index), 0, -1), alpha])).save(
        tmp_path / "p.png"
    )
    photo = read_photo(tmp_path / "p.png", grid=GRID, source=NOTHING)
    np.testing.assert_array_equal(photo.valid, alpha > 0)


def test_a_small_picture_is_enlarged_and_says_so(index: Index, tmp_path: Path) -> None:
    Picture.fromarray(np.moveaxis(pixels(index)[:, :20, :20], 0, -1)).save(tmp_path / "p.png")
    photo = read_photo(tmp_path / "p.png", grid=GRID, source=NOTHING)
    assert photo.image.shape == (3, 32, 32)
    assert photo.notes[1] == "20 px wide: enlarged to the 32 px of a tile"


def buildings(path: Path) -> Path:
    left, bottom, _, _ = GRID.bounds(TILE)
    houses = [
        shapely.box(left + 5, bottom + 7, left + 30, bottom + 15),
        shapely.box(left - 9, bottom + 40, left + 11, bottom + 90),
    ]
    gpd.GeoDataFrame(geometry=houses, crs=CRS).to_file(path)
    return path


def test_vectors_are_drawn_on_the_photo(index: Index, tmp_path: Path) -> None:
    path = tile_photo(index, tmp_path / "p.tif")
    houses = buildings(tmp_path / "houses.gpkg")
    answer = query([path], index=index, top=2, vectors=(f"{houses}=building",)).answers[0]
    assert answer.modality == "image+mask"
    assert answer.notes == ()
    wanted = rasterize(
        gpd.read_file(houses).geometry, out_shape=(32, 32), default_value=6,
        transform=from_bounds(*GRID.bounds(TILE), 32, 32),
    )  # fmt: skip
    assert 0 < (answer.photo.mask == 6).sum() < 32 * 32
    np.testing.assert_array_equal(answer.photo.mask == 6, wanted == 6)
    without = query([path], index=index, top=2).answers[0]
    assert without.hits[0].score != answer.hits[0].score


def test_vectors_elsewhere_leave_the_photo_without_mask(index: Index, tmp_path: Path) -> None:
    image = pixels(index)
    left, bottom, right, top = GRID.bounds(TILE)
    far = Bounds(left + 9000, bottom, right + 9000, top)
    path = write_tiff(tmp_path / "p.tif", image, transform=at(far, image))
    houses = buildings(tmp_path / "houses.gpkg")
    answer = query([path], index=index, top=1, vectors=(f"{houses}=building",)).answers[0]
    assert answer.modality == "image"
    assert "the vectors do not cover it" in answer.notes


def test_vectors_need_a_georeferenced_photo(index: Index, tmp_path: Path) -> None:
    Picture.new("RGB", (32, 32)).save(tmp_path / "p.png")
    source = SourceConfig(vectors=(str(buildings(tmp_path / "h.gpkg")),))
    with pytest.raises(ConfigurationError, match="has no georeference, so that vectors cannot"):
        read_photo(tmp_path / "p.png", grid=GRID, source=source)


def test_a_model_of_masks_needs_vectors(index: Index, tmp_path: Path) -> None:
    blind = make_index(tmp_path, network_input="mask")
    path = tile_photo(index, tmp_path / "p.tif")
    with pytest.raises(AerialretError, match="sees masks only; give '--vectors'"):
        query([path], index=blind, top=1)
    houses = buildings(tmp_path / "houses.gpkg")
    answer = query([path], index=blind, top=1, vectors=(f"{houses}=building",)).answers[0]
    assert answer.modality == "mask"


def test_a_model_of_images_says_that_it_ignores_vectors(index: Index, tmp_path: Path) -> None:
    sighted = make_index(tmp_path, network_input="image")
    path = tile_photo(index, tmp_path / "p.tif")
    houses = buildings(tmp_path / "houses.gpkg")
    answer = query([path], index=sighted, top=1, vectors=(f"{houses}=building",)).answers[0]
    assert answer.notes == ("the index's model sees images only: the vectors were not used",)


def test_a_position_without_crs_is_an_error_that_names_the_option(
    index: Index, tmp_path: Path
) -> None:
    image = pixels(index)
    path = write_tiff(tmp_path / "p.tif", image, transform=at(GRID.bounds(TILE), image), crs=None)
    with pytest.raises(MissingCrsError, match=r"has a position but no CRS; .*--photo-crs"):
        read_photo(path, grid=GRID, source=NOTHING)
    photo = read_photo(path, grid=GRID, source=SourceConfig(ortho_crs=CRS))
    np.testing.assert_array_equal(photo.image, pixels(index))


def test_photos_that_cannot_be_read_are_refused(index: Index, tmp_path: Path) -> None:
    whole = tile_photo(index, tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    for name, error in (
        ("cut.tif", UnreadableInputError),
        ("text.png", UnreadableInputError),
        ("absent.jpg", MissingInputError),
        (".", MissingInputError),
    ):
        with pytest.raises(error, match=name.strip(".") or str(tmp_path)):
            read_photo(tmp_path / name, grid=GRID, source=NOTHING)


def test_one_bad_photo_does_not_keep_the_others_from_an_answer(
    index: Index, tmp_path: Path
) -> None:
    good = tile_photo(index, tmp_path / "good.tif")
    (tmp_path / "bad.png").write_text("no picture")
    result = query([tmp_path / "bad.png", good], index=index, top=1)
    assert [answer.query for answer in result.answers] == [str(good)]
    assert [rejected.path for rejected in result.rejected] == [tmp_path / "bad.png"]
    assert "bad.png cannot be read" in result.rejected[0].message


def test_no_usable_photo_is_an_error(index: Index, tmp_path: Path) -> None:
    with pytest.raises(AerialretError, match=r"photo .*one\.png does not exist"):
        query([tmp_path / "one.png"], index=index, top=1)
    absent = [tmp_path / "one.png", tmp_path / "two.png"]
    with pytest.raises(NothingToDoError, match=r"none of the 2 photos .*one\.png does not exist"):
        query(absent, index=index, top=1)


def test_photos_are_answered_alike_alone_and_in_batches(index: Index, tmp_path: Path) -> None:
    paths = []
    for number, date in enumerate(("2004", "2019", "2004", "2019")):
        paths.append(tmp_path / f"{number}.png")
        image = pixels(index, TileId(FIRST.col + number, FIRST.row), date)
        Picture.fromarray(np.moveaxis(image, 0, -1)).save(paths[-1])
    alone = [query([path], index=index, top=4).answers[0] for path in paths]
    told: list[tuple[int, int]] = []
    together = query(
        paths, index=index, top=4, batch_size=3, progress=lambda *done: told.append(done)
    ).answers
    assert told == [(3, 4), (4, 4)]
    for one, other in zip(alone, together, strict=True):
        assert [hit.place for hit in one.hits] == [hit.place for hit in other.hits]
        assert [h.score for h in one.hits] == pytest.approx([h.score for h in other.hits], abs=1e-5)


@pytest.fixture(scope="module")
def answers(index: Index, tmp_path_factory: pytest.TempPathFactory) -> tuple[PhotoAnswer, ...]:
    folder = tmp_path_factory.mktemp("photos")
    plain = folder / "plain, é.png"
    Picture.fromarray(np.moveaxis(pixels(index), 0, -1)).save(plain)
    return query([tile_photo(index, folder / "p.tif"), plain], index=index, top=3).answers


def test_json_has_one_object_a_line_for_each_result(answers: tuple[PhotoAnswer, ...]) -> None:
    lines = format_answers(answers, output_format="json").splitlines()
    objects = [json.loads(line) for line in lines]
    hits = [hit for answer in answers for hit in answer.hits]
    assert len(objects) == len(hits) == 6
    for found, hit in zip(objects, hits, strict=True):
        names = [
            "query", "rank", "tile", "date", "score", "probability", "verdict", "rotation_deg",
            "x", "y", "side_m", "modality", "crs", "bounds",
        ]  # fmt: skip
        assert list(found) == names
        assert found["tile"] == hit.place
        assert found["bounds"] == list(hit.bounds)
        assert found["crs"] == CRS
        assert found["score"] == pytest.approx(hit.score, abs=1e-6)


def test_geojson_footprints_are_the_squares_in_degrees(answers: tuple[PhotoAnswer, ...]) -> None:
    collection = json.loads(format_answers(answers, output_format="geojson"))
    assert collection["type"] == "FeatureCollection"
    for feature in collection["features"]:
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.exterior.is_ccw
        back = gpd.GeoSeries([polygon], crs="EPSG:4326").to_crs(feature["properties"]["crs"])[0]
        square = shapely.box(*feature["properties"]["bounds"])
        assert back.symmetric_difference(square).area < 0.001 * square.area


def test_geojson_equals_json_but_for_the_geometry(answers: tuple[PhotoAnswer, ...]) -> None:
    collection = json.loads(format_answers(answers, output_format="geojson"))
    lines = format_answers(answers, output_format="json").splitlines()
    assert [f["properties"] for f in collection["features"]] == [json.loads(line) for line in lines]


def test_csv_has_a_row_for_each_result(answers: tuple[PhotoAnswer, ...]) -> None:
    rows = list(csv.DictReader(io.StringIO(format_answers(answers, output_format="csv"))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["query"] for row in rows] == [a.query for a in answers for _ in a.hits]
    assert float(rows[0]["top"]) == answers[0].hits[0].bounds.top


def test_the_table_is_aligned_and_has_the_notes(answers: tuple[PhotoAnswer, ...]) -> None:
    blocks = format_answers(answers, output_format="table").split("\n\n")
    assert len(blocks) == 2
    lines = blocks[0].splitlines()
    assert lines[0] == f"{answers[0].query} (image; bounds in {CRS})"
    assert "note: searched by image alone" in lines[1]
    assert len({len(line) for line in lines[2:]}) == 1
    assert lines[3].split()[:3] == ["1", TILE.place, answers[0].hits[0].date]


@pytest.mark.parametrize("output_format", ["table", "json", "csv", "geojson"])
def test_no_answer_can_be_formatted(output_format: str) -> None:
    text = format_answers([], output_format=output_format)
    headers = {"csv": ",".join(COLUMNS) + "\n", "table": "", "json": ""}
    wanted = headers.get(output_format, '{"type": "FeatureCollection", "features": []}\n')
    assert text == wanted


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "parquet"])
def test_written_layers_hold_every_result_where_it_lies(
    suffix: str, answers: tuple[PhotoAnswer, ...], tmp_path: Path
) -> None:
    path = tmp_path / "deep" / f"answers.{suffix}"
    write_results(answers, path)
    layer = gpd.read_parquet(path) if suffix == "parquet" else gpd.read_file(path)
    assert layer.crs == ("EPSG:4326" if suffix == "geojson" else CRS)
    assert layer["tile"].tolist() == [hit.place for answer in answers for hit in answer.hits]
    squares = layer.to_crs(CRS).geometry.bounds.to_numpy()
    wanted = [hit.bounds for answer in answers for hit in answer.hits]
    np.testing.assert_allclose(squares, wanted, atol=0.02)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_unknown_ending_is_refused(answers: tuple[PhotoAnswer, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ends with '\.shp', but .* \.gpkg, \.geojson"):
        write_results(answers, tmp_path / "answers.shp")
    with pytest.raises(NothingToDoError):
        write_results([], tmp_path / "answers.gpkg")
    assert not list(tmp_path.iterdir())


def test_the_contact_sheet_frames_the_right_place(
    answers: tuple[PhotoAnswer, ...], index: Index, tmp_path: Path
) -> None:
    green = (22, 140, 72)
    for name, some in (("located", answers[:1]), ("plain", answers[1:])):
        contact_sheet(some, index, tmp_path / f"{name}.png")
    frames = {}
    for name in ("located", "plain"):
        sheet = np.asarray(Picture.open(tmp_path / f"{name}.png").convert("RGB"))
        frames[name] = (sheet == green).all(axis=2)
    right = [hit.tile == TILE for hit in answers[0].hits]
    assert frames["located"][160].sum() == 2 * 6 * sum(right) > 0
    assert not frames["plain"].any()


def test_the_contact_sheet_has_a_row_for_each_photo(
    answers: tuple[PhotoAnswer, ...], index: Index, tmp_path: Path
) -> None:
    contact_sheet(answers[:1], index, tmp_path / "one.png")
    contact_sheet(answers, index, tmp_path / "two.png")
    one, two = (Picture.open(tmp_path / name) for name in ("one.png", "two.png"))
    assert one.width == two.width
    assert two.height > 1.7 * one.height


def test_the_contact_sheet_does_without_the_tile_set(
    answers: tuple[PhotoAnswer, ...], index: Index, tmp_path: Path
) -> None:
    shutil.copytree(index.folder, tmp_path / "i")
    alone = load_index(tmp_path / "i")
    assert alone.tileset is None
    contact_sheet(answers, alone, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 5000


def test_a_turned_photo_is_found_when_turns_are_tried_and_its_turn_is_told(
    tmp_path: Path,
) -> None:
    index = make_index(tmp_path / "images", network_input="image")
    tile = index.tiles.iloc[3]
    cell = TileId(int(tile["col"]), int(tile["row"]))
    image = index.tileset.read(str(tile["date"]), [cell]).images[0]
    turned = np.ascontiguousarray(np.rot90(image, -1, (1, 2)).transpose(1, 2, 0))
    Picture.fromarray(turned).save(tmp_path / "turned.png")
    answers = query([tmp_path / "turned.png"], index=index, top=1, rotations=4).answers
    assert answers[0].hits[0].place == tile["place"]
    assert answers[0].turns_deg == (90,)
    line = json.loads(format_answers(answers, output_format="json"))
    assert line["rotation_deg"] == 90
