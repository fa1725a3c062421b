"""`check` says what lies there, what is wrong with it, and how to ingest it."""

import json
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aerialret.checking.canvas import Canvas, DateGround, canvas_of
from aerialret.checking.check import check
from aerialret.checking.delivery_names import archive_part, parse_delivery_name, year_in
from aerialret.checking.lattice import find_lattice, overlap_share
from aerialret.checking.map_picture import draw_map
from aerialret.checking.terminal_map import ASCII, UNICODE, WIDTH, glyphs_for, terminal_maps
from aerialret.config.sources import SourceConfig
from aerialret.config.toml import parse_pipeline
from aerialret.tiles.grid import Bounds
from tests.geodata import CRS, LEFT, SHARED, TOP, noise, write_layer, write_raster
from tests.loopback import Reply, serve
from tests.test_cli import Cli, cli
from tests.tiny_tileset import tiny_tileset

__all__ = ["cli"]

V2 = "BDTOPO_2-0_TOUSTHEMES_SHP_LAMB93_D057_2004-07-01"
V3 = "BDTOPO_3-0_TOUSTHEMES_GPKG_LAMB93_D057_2019-06-15"
ORTHO = "BDORTHO_2-0_RVB-0M50_{codec}_LAMB93_D057_{year}-01-01"
PIXELS = 40
SHEET_M = 1000
"""Sheets of 1 km, as the tests' corner lies on whole kilometres."""

Cells = Sequence[tuple[int, int]]
SQUARE: Cells = [(col, row) for row in range(3) for col in range(4)]
"""Columns eastwards and rows southwards from the corner; wider than high."""


def sheet(col: int, row: int, *, year: int, ext: str) -> str:
    x, y = round(LEFT / 1000) + col, round(TOP / 1000) - row
    return f"57-{year}-{x:04d}-{y:04d}-LA93-0M50-E080{ext}"


def bdortho(folder: Path, *, year: int, cells: Cells = SQUARE, ext: str = ".tif") -> Path:
    """A delivery of imagery, as it is unpacked."""
    codec = "JP2-E080" if ext == ".jp2" else "TIF"
    top = folder / ORTHO.format(codec=codec, year=year)
    data = top / "ORTHOHR" / f"1_DONNEES_LIVRAISON_{year}-10-00207" / "OHR"
    for col, row in cells:
        write_raster(
            data / sheet(col, row, year=year, ext=ext),
            noise(bands=3, height=PIXELS, width=PIXELS, seed=col + 10 * row),
            left=LEFT + SHEET_M * col,
            top=TOP - SHEET_M * row,
            resolution=SHEET_M / PIXELS,
        )
    return top


def file_in(top: Path, name: str) -> Path:
    return next(top.rglob(name))


def squares(count: int = 3, *, left: float = LEFT, top: float = TOP) -> list[shapely.Polygon]:
    """Squares along the diagonal of the territory, from the upper left."""
    starts = [(left + 900 * n, top - 900 * n) for n in range(count)]
    return [shapely.box(x, y - 500, x + 500, y) for x, y in starts]


def bdtopo_v2(folder: Path, *, shapes: Sequence[shapely.Polygon] | None = None, **options) -> Path:
    inside = folder / V2 / "BDTOPO" / "1_DONNEES_LIVRAISON_2004" / "E_BATI"
    shapes = squares() if shapes is None else shapes
    write_layer(
        inside / "BATI_REMARQUABLE.SHP", shapes, NATURE=["Château"] * len(shapes), **options
    )
    write_layer(inside / "SURFACE_EAU.SHP", shapes, NATURE=["Bassin"] * len(shapes), **options)
    write_layer(inside / "POINT_EAU.SHP", [shapely.Point(LEFT, TOP)], NATURE=["x"], **options)
    return folder / V2


def bdtopo_v3(folder: Path) -> Path:
    path = folder / V3 / "BDTOPO" / "1_DONNEES_LIVRAISON_2019" / "bdtopo.gpkg"
    for name in ("batiment", "surface_hydrographique", "cimetiere"):
        write_layer(path, squares(), layer=name, nature=["Château"] * 3)
    return folder / V3


def checked(cli: Cli, *words: object) -> tuple[int, dict]:
    status, out, err = cli("check", *words, "--format", "json")
    assert err == "", err
    return status, json.loads(out)


def lines_with(err: str, mark: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith(f"{mark}: ")]


# Names


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (V2, "BD TOPO 2.0, SHP, D057, 2004-07-01"),
        (f"{V3}.7z", "BD TOPO 3.0, GPKG, D057, 2019-06-15"),
        (
            "BDORTHO_2-0_RVB-0M20_JP2-E080_LAMB93_D02A_2024-01-01.7z.001",
            "BD ORTHO 2.0 RVB, 0.2 m, JP2-E080, D02A, 2024",
        ),
        ("BDTOPO_3-3_TOUSTHEMES_SQL_WGS84G_FRA_2023-12-15", "BD TOPO 3.3, SQL, FRA, 2023-12-15"),
    ],
)
def test_the_name_of_a_delivery_tells_product_edition_zone_and_date(name: str, title: str) -> None:
    found = parse_delivery_name(name)
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize("name", ["BDTOPO", "photos_2004", f"copy of {V2}", "BDORTHO_2-0"])
def test_other_names_are_no_deliveries(name: str) -> None:
    assert parse_delivery_name(name) is None


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("57-2015-0915-6895-LA93-0M50-E080.jp2", "2015"),
        ("1-1953-0800-6400-LA93.tif", "1953"),
        ("m_4709963_se_14_1_20120731.tif", "2012"),
        ("ortho 2004-07.tif", "2004"),
        ("0915-6895.tif", ""),
        ("tile_20.tif", ""),
        ("120043.tif", ""),
    ],
)
def test_a_year_in_a_name_is_told_from_other_numbers(name: str, year: str) -> None:
    assert year_in(name) == year


def test_parts_of_a_split_archive_know_their_number() -> None:
    assert [archive_part(name) for name in ("a.7z.001", "a.7z.012", "a.7z", "a.zip")] == [
        1, 12, 0, 0,
    ]  # fmt: skip


# Lattice


def boxes_of(cells: Cells, *, side: float = 5.0, gap: float = 0.0) -> list[Bounds]:
    pitch = side + gap
    return [
        Bounds(col * pitch, -row * pitch - side, col * pitch + side, -row * pitch)
        for col, row in cells
    ]


@given(st.integers(3, 9), st.integers(3, 9), st.floats(0, 3), st.randoms(use_true_random=False))
def test_a_hole_in_a_lattice_is_found_wherever_it_is_and_whatever_the_order(
    cols: int, rows: int, gap: float, random
) -> None:
    cells = [(col, row) for col in range(cols) for row in range(rows)]
    hole = random.choice(cells)
    rest = [cell for cell in cells if cell != hole]
    random.shuffle(rest)
    lattice = find_lattice(boxes_of(rest, gap=gap))
    assert lattice is not None
    assert lattice.present == len(rest)
    expected = boxes_of([hole], gap=gap)[0]
    assert len(lattice.missing) == 1
    assert lattice.missing[0] == pytest.approx(expected, abs=0.01)


def test_the_outline_of_a_department_is_no_hole() -> None:
    cells = [(c, r) for r in range(8) for c in range(8) if abs(c - 3.5) + abs(r - 3.5) < 5]
    lattice = find_lattice(boxes_of(cells))
    assert lattice is not None
    assert lattice.missing == ()
    assert lattice.rim == 64 - len(cells)


def test_sheets_cut_at_the_edge_stay_on_the_lattice() -> None:
    boxes = boxes_of(SQUARE)
    boxes[3] = boxes[3]._replace(right=boxes[3].left + 2)
    lattice = find_lattice(boxes)
    assert lattice is not None
    assert (lattice.cols, lattice.rows, lattice.missing) == (4, 3, ())


def test_scattered_sheets_are_no_lattice() -> None:
    boxes = [Bounds(x, y, x + 5, y + 5) for x, y in [(0, 0), (7, 1), (13, 9), (22, 3)]]
    assert find_lattice(boxes) is None


def test_overlap_is_the_ground_that_is_covered_again() -> None:
    half = [Bounds(0, 0, 10, 10), Bounds(5, 0, 15, 10)]
    assert overlap_share(half) == pytest.approx(50 / 150)
    assert overlap_share(half[:1]) == 0
    assert overlap_share([]) == 0


# Map


def ground(sheets: Sequence[Bounds] = (), vectors: Sequence[Bounds] = (), date: str = "2004"):
    return DateGround(
        date=date, format="GTiff", sheets=tuple(sheets), cells=tuple(sheets), density=1.0,
        missing=(), damaged=(), vectors=tuple(vectors),
    )  # fmt: skip


def drawn(canvas: Canvas) -> list[str]:
    """The rows of the first map, without frame and legend."""
    lines = terminal_maps(canvas)
    return [line[1:-1] for line in lines[: lines.index(next(x for x in lines if x[0] == "└"))]][1:]


def test_the_map_is_north_up_and_not_mirrored() -> None:
    # An L: a column in the west, a foot in the south-east.
    sheets = [Bounds(0, 0, 10, 40), Bounds(10, 0, 40, 10)]
    canvas = Canvas(crs=CRS, extent=Bounds(0, 0, 40, 40), dates=(ground(sheets),), is_beyond=False)
    rows = drawn(canvas)
    quarter = len(rows[0]) // 4
    solid = UNICODE.imagery
    assert rows[0] == solid * quarter + " " * (3 * quarter)
    assert rows[-1] == solid * len(rows[0])
    assert sum(row == rows[0] for row in rows) == pytest.approx(0.75 * len(rows), abs=1)


@given(st.floats(0.02, 50), st.integers(1, 12))
def test_a_map_fits_into_the_terminal(ratio: float, count: int) -> None:
    extent = Bounds(0, 0, 1000 * ratio, 1000)
    side = 1000 * ratio / count
    sheets = [Bounds(n * side, 0, (n + 0.5) * side, 1000) for n in range(count)]
    lines = terminal_maps(
        Canvas(crs=CRS, extent=extent, dates=(ground(sheets),), is_beyond=False), glyphs=ASCII
    )
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) < 30
    assert all(line.isascii() for line in lines)


def test_imagery_and_vectors_are_told_apart() -> None:
    canvas = Canvas(
        crs=CRS,
        extent=Bounds(0, 0, 30, 10),
        dates=(ground([Bounds(0, 0, 20, 10)], [Bounds(10, 0, 30, 10)]),),
        is_beyond=False,
    )
    row = drawn(canvas)[0]
    third = len(row) // 3
    assert row[2] == UNICODE.imagery
    assert row[third + 3] == UNICODE.both
    assert row[-2] == UNICODE.vectors


def test_dates_with_the_same_ground_share_a_map() -> None:
    box = Bounds(0, 0, 10, 10)
    dates = (ground([box]), ground([box], date="2019"), ground([box._replace(top=5)], date="2022"))
    lines = terminal_maps(Canvas(crs=CRS, extent=box, dates=dates, is_beyond=False))
    heads = [line for line in lines if line.startswith("┌")]
    assert [head.strip("┌┐─ ") for head in heads] == ["2004, 2019", "2022"]


@pytest.mark.parametrize(
    ("encoding", "glyphs"), [("utf-8", UNICODE), ("ascii", ASCII), (None, ASCII), ("cp1252", ASCII)]
)
def test_a_terminal_without_block_characters_gets_plain_ones(encoding, glyphs) -> None:
    assert glyphs_for(encoding) is glyphs


# The command


def test_a_whole_delivery_is_recognised_and_its_exit_status_is_0(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2015, ext=".jp2")
    status, out, err = cli("check", tmp_path)
    assert status == 0, err
    assert out == ""
    assert "BD ORTHO 2.0 RVB, 0.5 m, JP2-E080, D057, 2015" in err
    assert "12 (JP2OpenJPEG)" in err
    assert "EPSG:2154 (from the file)" in err
    assert "4 x 3 cells of 1 km x 1 km: 12 there, 0 missing" in err
    assert "west 900 000, south 6 797 000, east 904 000, north 6 800 000" in err
    assert err.splitlines()[-1] == "usable: 12 orthophotos"


@pytest.mark.parametrize("ext", [".jp2", ".tif"])
def test_a_truncated_file_is_named_from_its_header_alone(
    cli: Cli, tmp_path: Path, ext: str
) -> None:
    top = bdortho(tmp_path, year=2015, ext=ext)
    bad = file_in(top, sheet(2, 1, year=2015, ext=ext))
    bad.write_bytes(bad.read_bytes()[:-1000])
    status, _, err = cli("check", tmp_path)
    assert status == 1
    (line,) = lines_with(err, "warning")
    assert bad.name in line
    assert "11 orthophotos" in err.splitlines()[-1]
    assert "(1 unusable)" in err
    assert "!" in err.split("┌")[1]


def test_a_file_that_is_no_picture_is_named_and_placed_by_its_name(
    cli: Cli, tmp_path: Path
) -> None:
    top = bdortho(tmp_path, year=2015)
    file_in(top, sheet(3, 0, year=2015, ext=".tif")).write_bytes(b"nothing of the kind")
    status, report = checked(cli, tmp_path)
    imagery = report["paths"][0]["imagery"][0]
    assert status == 1
    assert [Path(name).name for name in imagery["damaged"]] == [sheet(3, 0, year=2015, ext=".tif")]
    assert imagery["unusable"] == [[LEFT + 3000, TOP - 1000, LEFT + 4000, TOP]]


def test_damaged_pixels_are_found_by_deep_only(cli: Cli, tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "ortho_2015.tif", noise(bands=1, height=200, width=300), compress="deflate"
    )
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + 200] = b"\x55" * 200
    path.write_bytes(content)
    assert cli("check", path)[0] == 0
    assert "cannot be decoded" in cli.refused("check", path, "--deep")


def test_a_missing_sheet_is_named_and_drawn(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2015, cells=[cell for cell in SQUARE if cell != (1, 1)])
    status, _, err = cli("check", tmp_path)
    assert status == 1
    (line,) = lines_with(err, "warning")
    assert "1 sheet of 2015 missing" in line
    assert "0901-6799" in line
    rows = [line[1:-1] for line in err.splitlines() if line.startswith("│")]
    holes = [(n, row.index("?")) for n, row in enumerate(rows) if "?" in row]
    middle = holes[len(holes) // 2]
    assert middle[0] / len(rows) == pytest.approx(1.5 / 3, abs=0.1)
    assert holes[0][1] / len(rows[0]) == pytest.approx(1 / 4, abs=0.03)


def test_imagery_without_crs_is_told_and_can_be_given_one(cli: Cli, tmp_path: Path) -> None:
    write_raster(tmp_path / "a_2004.tif", noise(bands=3, height=20, width=30), crs=None)
    assert "--ortho-crs" in cli.refused("check", tmp_path)
    status, report = checked(cli, tmp_path, "--ortho-crs", CRS)
    assert status == 0
    assert report["paths"][0]["imagery"][0]["files"][0]["crs_origin"] == "--ortho-crs"
    assert "--ortho-crs EPSG:2154" in report["suggestions"][0]["command"]


def test_ecw_is_skipped_with_a_reason_and_quicklooks_without_a_warning(
    cli: Cli, tmp_path: Path
) -> None:
    top = bdortho(tmp_path, year=2015)
    beside = file_in(top, sheet(0, 0, year=2015, ext=".tif")).parent
    (beside / "quicklook.jpg").write_bytes(b"")
    assert cli("check", tmp_path)[0] == 0
    (beside / "other.ecw").write_bytes(b"")
    status, _, err = cli("check", tmp_path)
    assert status == 1
    (line,) = lines_with(err, "warning")
    assert "other.ecw" in line
    assert "quicklook.jpg" in err


def test_layers_are_told_with_their_classes_and_counts(cli: Cli, tmp_path: Path) -> None:
    bdtopo_v2(tmp_path)
    _, report = checked(cli, tmp_path)
    (vectors,) = report["paths"][0]["vectors"]
    layers = {layer["name"].upper(): layer for layer in vectors["layers"]}
    assert list(vectors["editions"]) == ["v2"]
    assert layers["BATI_REMARQUABLE"]["features"] == 3
    assert layers["BATI_REMARQUABLE"]["classes"][0] == "building"
    assert "castle" in layers["BATI_REMARQUABLE"]["classes"]
    assert layers["POINT_EAU"]["classes"] == []
    assert vectors["absent_layers"]["cemetery"] == ["CIMETIERE"]
    assert vectors["absent_layers"]["vegetation"] == ["ZONE_VEGETATION"]
    assert "building" not in vectors["empty_classes"]


def test_a_field_that_the_mapping_asks_for_is_missed(cli: Cli, tmp_path: Path) -> None:
    write_layer(tmp_path / "BATIMENT.gpkg", squares(), ID=[1, 2, 3])
    _, _, err = cli("check", tmp_path)
    assert [line for line in lines_with(err, "note") if "BATIMENT has no field NATURE" in line]


def test_two_editions_in_one_folder_are_told_apart_and_refused(cli: Cli, tmp_path: Path) -> None:
    write_layer(tmp_path / "BATI_INDIFFERENCIE.shp", squares(), ID=[1, 2, 3])
    write_layer(tmp_path / "TRONCON_DE_ROUTE.shp", squares(), NATURE=["Chemin"] * 3)
    line = cli.refused("check", tmp_path)
    for word in ("v2", "BATI_INDIFFERENCIE", "v3", "TRONCON_DE_ROUTE", "two editions"):
        assert word in line


def test_two_deliveries_of_two_editions_are_two_dates(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2004)
    bdortho(tmp_path, year=2019, ext=".jp2")
    bdtopo_v2(tmp_path)
    bdtopo_v3(tmp_path)
    status, report = checked(cli, tmp_path)
    texts = [found["text"] for found in report["findings"] if found["severity"] == "warning"]
    assert len(texts) == 1
    assert "cemetery" in texts[0]
    assert "2004" in texts[0]
    assert status == 1
    commands = [shlex.split(one["command"]) for one in report["suggestions"]]
    assert [words[words.index("--date") + 1] for words in commands] == ["2004", "2019"]
    for words, delivery in zip(commands, (V2, V3), strict=True):
        assert words[words.index("--vectors") + 1] == str(tmp_path / delivery)


def test_vectors_far_from_the_imagery_are_warned_of_loudly_with_the_crs_that_would_fit(
    cli: Cli, tmp_path: Path
) -> None:
    bdortho(tmp_path, year=2004)
    bdtopo_v2(tmp_path, crs="EPSG:27572")
    status, _, err = cli("check", tmp_path)
    assert status == 1
    (line,) = lines_with(err, "WARNING")
    assert " km from the imagery of 2004" in line
    assert "as EPSG:2154 they would lie on the imagery" in line


def test_vectors_in_another_crs_that_meet_the_imagery_are_fine(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2004)
    moved = shapely.box(LEFT - 9000, TOP - 9000, LEFT + 9000, TOP + 9000)
    there = gpd.GeoSeries([moved], crs=CRS).to_crs(4326)
    write_layer(tmp_path / V2 / "BATI_INDIFFERENCIE.gpkg", there, crs="EPSG:4326", ID=[1])
    status, _, err = cli("check", tmp_path)
    assert (status, lines_with(err, "WARNING")) == (0, [])


def test_vectors_without_crs_are_told(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2004)
    bdtopo_v2(tmp_path, crs=None)
    status, _, err = cli("check", tmp_path)
    assert status == 1
    assert [line for line in lines_with(err, "warning") if "--vector-crs" in line]
    assert cli("check", tmp_path, "--vector-crs", CRS)[0] == 0


def test_two_dates_that_share_no_ground_are_warned_of(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path, year=2004)
    bdortho(tmp_path, year=2019, cells=[(col + 50, row) for col, row in SQUARE])
    _, _, err = cli("check", tmp_path)
    assert [line for line in lines_with(err, "WARNING") if "share no ground" in line]


def test_paths_are_checked_against_each_other(cli: Cli, tmp_path: Path) -> None:
    ortho = bdortho(tmp_path, year=2004)
    vectors = bdtopo_v2(tmp_path, shapes=squares(left=LEFT + 300_000))
    assert cli("check", ortho)[0] == 0
    assert "lie 29" in cli("check", ortho, vectors)[2]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (f"{V3}.7z", f"7z x {V3}.7z"),
        (f"{V3}.7z.001", f"7z x {V3}.7z.001"),
        ("photos.tar.gz", "tar xf photos.tar.gz"),
        ("photos.zip", "unzip photos.zip"),
        (f"{V3}.7z.002", "its first part is missing"),
    ],
)
def test_a_packed_archive_is_told_with_the_way_to_unpack_it(
    cli: Cli, tmp_path: Path, name: str, how: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    line = cli.refused("check", tmp_path / name)
    assert name in line
    assert how in line


def test_an_empty_folder_and_a_missing_one_are_refused_in_one_line(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert "neither orthophotos nor vector layers" in cli.refused("check", tmp_path / "empty")
    assert "there is no such file" in cli.refused("check", tmp_path / "gone")


def test_an_artefact_is_left_to_info(cli: Cli, tmp_path: Path) -> None:
    tiny_tileset(tmp_path / "tiles", dates=("2004",))
    assert "aerialret info" in cli.refused("check", tmp_path / "tiles")


def test_the_suggested_commands_work(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path / "in", year=2004)
    bdortho(tmp_path / "in", year=2019, ext=".jp2")
    bdtopo_v2(tmp_path / "in")
    bdtopo_v3(tmp_path / "in")
    _, report = checked(cli, "in")
    for suggestion in report["suggestions"]:
        program, *words = shlex.split(suggestion["command"])
        assert program == "aerialret"
        status, _, err = cli(*words, "--tile-px", 32)
        assert status == 0, err
    out = json.loads(cli("info", "tiles", "--no-check")[1])
    assert len(out["facts"]["dates"]) == 2


def test_the_suggested_toml_is_a_legal_pipeline(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path / "in", year=2004)
    bdtopo_v2(tmp_path / "in")
    err = cli("check", "in", "--toml")[2]
    text = err.partition("in aerialret.toml:")[2].partition("usable:")[0]
    pipeline = parse_pipeline(tomllib.loads(text), origin="the suggestion")
    source = pipeline.sources["2004"]
    assert source.ortho == (f"in/{ORTHO.format(codec='TIF', year=2004)}",)
    assert source.vectors == (f"in/{V2}",)


def test_loose_imagery_is_split_by_year_and_each_command_takes_its_own_files(
    cli: Cli, tmp_path: Path
) -> None:
    for year in (2009, 2012):
        for part in "ab":
            left = LEFT if part == "a" else LEFT + 30
            pixels = noise(bands=3, height=20, width=30)
            write_raster(tmp_path / f"photo_{part}_{year}.tif", pixels, left=left)
    _, report = checked(cli, ".")
    commands = [shlex.split(one["command"]) for one in report["suggestions"]]
    assert [words[words.index("--ortho") + 1] for words in commands] == [
        "*2009*.tif",
        "*2012*.tif",
    ]


def test_damaged_files_are_left_out_of_the_command(cli: Cli, tmp_path: Path) -> None:
    top = bdortho(tmp_path, year=2015, cells=[(0, 0), (1, 0), (2, 0)])
    bad = file_in(top, sheet(1, 0, year=2015, ext=".tif"))
    bad.write_bytes(b"")
    _, report = checked(cli, tmp_path)
    words = shlex.split(report["suggestions"][0]["command"])
    assert str(bad) not in words
    assert sum(word.endswith(".tif") for word in words) == 2


def test_json_holds_every_file_with_its_facts(cli: Cli, tmp_path: Path) -> None:
    top = bdortho(tmp_path, year=2015)
    _, report = checked(cli, tmp_path)
    files = report["paths"][0]["imagery"][0]["files"]
    assert [item["path"] for item in files] == sorted(map(str, top.rglob("*.tif")))
    for item in files:
        with rasterio.open(item["path"]) as dataset:
            assert item["bounds"] == list(dataset.bounds)
            assert (item["width"], item["height"]) == (dataset.width, dataset.height)
            assert item["resolution"] == dataset.res[0]
    assert report["paths"][0]["imagery"][0]["extent"] == [LEFT, TOP - 3000, LEFT + 4000, TOP]
    assert report["status"] == 0


def test_a_png_map_is_the_same_bytes_each_time(cli: Cli, tmp_path: Path) -> None:
    bdortho(tmp_path / "in", year=2004)
    bdtopo_v2(tmp_path / "in")
    for name in ("one.png", "two.png"):
        assert cli("check", "in", "--map", name)[0] == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_a_png_map_is_north_up(tmp_path: Path) -> None:
    sheets = [Bounds(0, 3000, 1000, 4000)]  # the north-western corner of a larger ground
    canvas = Canvas(
        crs=CRS, extent=Bounds(0, 0, 4000, 4000), dates=(ground(sheets),), is_beyond=False
    )
    draw_map(canvas, tmp_path / "map.png")
    pixels = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(int)
    blue = np.argwhere((pixels[..., 2] - pixels[..., 0]) > 40)
    blue = blue[blue[:, 0] < 0.8 * len(pixels)]  # without the legend
    middle = blue.mean(axis=0) / pixels.shape[:2]
    assert middle[0] < 0.35
    assert middle[1] < 0.35


def test_a_service_that_does_not_answer_is_refused_and_one_that_does_is_described(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capabilities = (
        '<WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms"><Service>'
        "<Name>WMS</Name><Title>Photos</Title><MaxWidth>5010</MaxWidth><MaxHeight>5010</MaxHeight>"
        "</Service><Capability><Request><GetMap><Format>image/png</Format></GetMap></Request>"
        "<Layer><Title>All</Title><CRS>EPSG:2154</CRS><Layer><Name>ORTHO2004</Name>"
        "<Title>2004</Title><CRS>EPSG:2154</CRS></Layer></Layer></Capability></WMS_Capabilities>"
    )
    (tmp_path / "aerialret.toml").write_text('[services]\nretries = 0\ncache = "answers"\n')
    with serve(lambda path: Reply(body=capabilities.encode(), content_type="text/xml")) as server:
        entry = f"wms+{server.url}/wms?layers=ORTHO2004"
        status, _, err = cli("check", entry)
        assert status == 0, err
        assert "ORTHO2004" in err
        assert "EPSG:2154" in err
        assert "5010 x 5010 px" in err
        assert "no layer 'ORTHO1950'" in cli.refused("check", entry.replace("2004", "1950"))
    assert "gave no whole answer" in cli.refused("check", "wms+http://127.0.0.1:9/x?layers=a")


def test_the_map_shows_what_the_report_counted(tmp_path: Path) -> None:
    bdortho(tmp_path, year=2004, cells=[(0, 0), (1, 0), (3, 0)])
    report = check([str(tmp_path)], source=SourceConfig())
    canvas = canvas_of(report)
    assert canvas is not None
    (date,) = canvas.dates
    assert len(date.sheets) == 3
    assert date.missing == (Bounds(LEFT + 2000, TOP - 1000, LEFT + 3000, TOP),)


@pytest.mark.skipif(not SHARED.exists(), reason="no shared imagery here")
def test_real_imagery_of_ten_dates_is_told_date_by_date() -> None:
    report = check([str(SHARED / "naip_5m_10dates")], source=SourceConfig())
    years = ["2009", "2010", "2012", "2014", "2015", "2016", "2017", "2018", "2019", "2020"]
    assert [part.part.date for part in report.imagery] == years
    assert {part.pixel_m for part in report.imagery} == {5.0}
    assert report.status == 0
