import shutil
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import box

from aerialret.config import SourceConfig
from aerialret.errors import MissingCrsError, UnreadableInputError
from aerialret.ingestion.imagery.mapinfo_tab import read_table
from aerialret.ingestion.imagery.ortho_files import OrthoFile, inspect_ortho
from tests.geodata import noise, write_raster

PLAIN = SourceConfig()
NAME = "57-2015-0915-6895-LA93-0M50-E080"
WIDTH, HEIGHT = 90, 70
THERE = Affine(0.5, 0, 915_000, 0, -0.5, 6_895_000)
WORLD = "0.5\n0\n0\n-0.5\n915000.25\n6894999.75\n"
LAMBERT_93 = '3, 33, "m", 3, 46.5, 44, 49, 700000, 6600000'
LAMBERT_2E = "3,1002,7,0,46.8,45.898918964419,47.696014502038,600000,2200000"


def _bare(
    path: Path, *, transform: Affine | None = None, crs: str | None = None, width: int = 0
) -> Path:
    """A raster that tells nothing but what is given."""
    drivers = {".jp2": "JP2OpenJPEG", ".tif": "GTiff", ".png": "PNG", ".jpg": "JPEG"}
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = drivers[path.suffix.lower()]
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=driver,
            width=width or WIDTH,
            height=HEIGHT,
            count=3,
            dtype="uint8",
            **({"transform": transform} if transform else {}),
            **({"crs": crs} if crs else {}),
            **options,
        ) as dataset:
            dataset.write(noise(bands=3, height=HEIGHT, width=WIDTH))
    return path


def _tab(path: Path, coordsys: str, *, left: float = 915_000, top: float = 6_895_000) -> Path:
    right, bottom = left + WIDTH / 2, top - HEIGHT / 2
    path.write_text(
        '!table\n!version 300\n!charset WindowsLatin1\n\nDefinition Table\n  File "a.jp2"\n'
        '  Type "RASTER"\n'
        f'  ({left},{top}) (0,0) Label "Pt 1",\n'
        f'  ({right},{top}) ({WIDTH},0) Label "Pt 2",\n'
        f'  ({right},{bottom}) ({WIDTH},{HEIGHT}) Label "Pt 3",\n'
        f'  ({left},{bottom}) (0,{HEIGHT}) Label "Pt 4"\n'
        f'  CoordSys Earth Projection {coordsys}\n  Units "m"\n'
    )
    return path


def _index(path: Path, *, value: str, crs: str | None = "EPSG:2154") -> Path:
    path.parent.mkdir(parents=True)
    tiles = [box(0, 0, 10, 10), box(915_000, 6_894_965, 915_045, 6_895_000)]
    frame = gpd.GeoDataFrame({"NOM": ["./x/other.jp2", value]}, geometry=tiles, crs=crs)
    frame.to_file(path)
    return path


def _look(path: Path, source: SourceConfig = PLAIN) -> OrthoFile:
    return inspect_ortho(path, source=source)


def _epsg(file: OrthoFile) -> int | None:
    return file.crs.to_epsg()


@pytest.mark.parametrize(
    ("image", "world"),
    [
        ("a.jp2", "a.j2w"),
        ("a.jp2", "A.J2W"),
        ("a.jp2", "a.jgw"),
        ("a.JP2", "a.wld"),
        ("a.tif", "a.tfw"),
        ("a.tif", "a.TFW"),
        ("a.tif", "a.jgw"),
        ("a.png", "a.pgw"),
        ("a.png", "a.PGW"),
        ("a.jpg", "a.JgW"),
    ],
)
def test_a_world_file_of_any_name_and_case_gives_the_position(tmp_path, image, world):
    path = _bare(tmp_path / image)
    (tmp_path / world).write_text(WORLD)
    file = _look(path, SourceConfig(ortho_crs="EPSG:2154"))
    assert file.transform.almost_equals(THERE)
    assert (file.crs_origin, _epsg(file)) == ("--ortho-crs", 2154)
    assert tmp_path / world in file.members


@pytest.mark.parametrize("suffix", [".prj", ".PRJ", ".Prj"])
def test_a_prj_beside_gives_the_crs_and_counts_as_a_member(tmp_path, suffix):
    path = _bare(tmp_path / "a.jp2", transform=THERE)
    prj = tmp_path / f"A{suffix}"
    prj.write_text(pyproj.CRS(27572).to_wkt("WKT1_ESRI"))
    file = _look(path)
    assert (file.crs_origin, _epsg(file)) == (".prj", 27572)
    assert prj in file.members


def test_an_aux_xml_gives_what_the_file_lacks(tmp_path):
    georeferenced = write_raster(
        tmp_path / "b.tif", noise(bands=3, height=HEIGHT, width=WIDTH), left=915_000, top=6_895_000
    )
    path = _bare(tmp_path / "a.jp2", transform=THERE)
    wkt = pyproj.CRS(2154).to_wkt("WKT1_GDAL")
    text = f"<PAMDataset><SRS>{wkt.replace(chr(34), '&quot;')}</SRS></PAMDataset>"
    (tmp_path / "a.jp2.aux.xml").write_text(text)
    file = _look(path)
    assert (file.crs_origin, _epsg(file)) == ("the file", _epsg(_look(georeferenced)))
    assert tmp_path / "a.jp2.aux.xml" in file.members


@pytest.mark.parametrize(("image", "table"), [("a.jp2", "a.tab"), ("a.JP2", "A.TAB")])
@pytest.mark.parametrize(
    ("coordsys", "epsg"),
    [
        (LAMBERT_93, 2154),
        (LAMBERT_2E, 27572),
        ('8, 104, "m", 9, 0, 0.9996, 500000, 0', 32632),
        ('8, 104, "m", 57, 0, 0.9996, 500000, 10000000', 32740),
        ('8, 115, "m", 3, 0, 0.9996, 500000, 0', 25831),
        ('3, 33, "m", 3, 49, 48.25, 49.75, 1700000, 8200000', 3949),
    ],
)
def test_a_mapinfo_table_gives_crs_and_position(tmp_path, image, table, coordsys, epsg):
    path = _bare(tmp_path / image)
    tab = _tab(tmp_path / table, coordsys)
    file = _look(path)
    assert (file.crs_origin, file.position_origin, _epsg(file)) == (".tab", ".tab", epsg)
    assert tuple(file.transform) == tuple(THERE)
    assert tab in file.members


def test_bounds_are_no_control_point_and_a_line_may_be_broken(tmp_path):
    bounds = " Bounds (-113967455.417, -106367759.649) (115167455.417, 122767151.185)"
    broken = LAMBERT_2E.replace("600000", "\n   600000").replace(",7,", ', "m", ') + bounds
    table = read_table(_tab(tmp_path / "a.tab", broken))
    assert table.crs == pyproj.CRS(27572)
    assert table.transform == THERE


def test_what_a_table_cannot_tell_is_left_open(tmp_path):
    vectors = tmp_path / "vectors.tab"
    vectors.write_text('!table\nDefinition Table\n  Type NATIVE Charset "WindowsLatin1"\n')
    strange = read_table(_tab(tmp_path / "a.tab", '25, 99, "m", 7.4, 46.9, 600000, 200000'))
    assert read_table(vectors).crs is read_table(vectors).transform is None
    assert (strange.crs, strange.transform) == (None, THERE)
    assert read_table(_tab(tmp_path / "b.tab", '3, 33, "m", 3, 46.5')).crs is None
    bent = tmp_path / "bent.tab"
    bent.write_text((tmp_path / "a.tab").read_text().replace("(90,70)", "(90,73)"))
    assert read_table(bent).transform is None


def test_the_name_gives_crs_and_position_where_nothing_else_does(tmp_path):
    file = _look(_bare(tmp_path / f"{NAME}.jp2"))
    assert (file.crs_origin, file.position_origin, _epsg(file)) == ("its name", "its name", 2154)
    assert tuple(file.transform) == tuple(THERE)
    assert file.warnings == ()


def test_a_guessed_ground_pixel_is_told(tmp_path):
    file = _look(_bare(tmp_path / "14-2005-0415-6890-LA93.tif"))
    assert file.transform.a == pytest.approx(5000 / WIDTH)
    assert file.warnings == ("its ground pixel was guessed from its name and its size",)


@pytest.mark.parametrize("value", [f"{NAME}", f"{NAME}.jp2", f".\\BDO\\{NAME.lower()}.jp2"])
def test_the_tile_index_of_a_delivery_gives_crs_and_position(tmp_path, value):
    value = value.replace(NAME, "tile_7").replace(NAME.lower(), "TILE_7")
    data = tmp_path / "BDORTHO" / "1_DONNEES_LIVRAISON_2016-02-00008" / "BDO_D57"
    index = _index(
        tmp_path / "BDORTHO" / "5_SUPPLEMENTS_LIVRAISON_2016" / "BDO_D57" / "DALLES.shp",
        value=value,
    )
    file = _look(_bare(data / "tile_7.jp2"))
    origins = (file.crs_origin, file.position_origin, _epsg(file))
    assert origins == ("dalles.shp", "dalles.shp", 2154)
    assert file.transform.almost_equals(THERE)
    assert {index, index.with_suffix(".prj")} <= set(file.members)


def test_every_clue_gives_way_to_the_one_before_it(tmp_path):
    """The file, .prj, .tab, the name, dalles.shp, --ortho-crs: taken away one after the other."""
    folder = tmp_path / "1_DONNEES_LIVRAISON_1" / "A"
    _index(tmp_path / "3_SUPPLEMENTS_LIVRAISON_1" / "A" / "dalles.shp", value=NAME, crs="EPSG:3857")
    path = _bare(folder / f"{NAME}.jp2", transform=THERE, crs="EPSG:32631")
    prj, tab = path.with_suffix(".prj"), _tab(path.with_suffix(".tab"), LAMBERT_2E)
    prj.write_text(pyproj.CRS(3949).to_wkt())
    given = SourceConfig(ortho_crs="EPSG:2056")
    found = [_look(path, given)]
    _bare(path, transform=THERE)
    found.append(_look(path, given))
    prj.unlink()
    found.append(_look(path, given))
    tab.unlink()
    found.append(_look(path, given))
    nameless = path.rename(folder / "plain.jp2")
    found.append(_look(nameless, given))
    shutil.rmtree(tmp_path / "3_SUPPLEMENTS_LIVRAISON_1")
    found.append(_look(nameless, given))
    assert [(file.crs_origin, _epsg(file)) for file in found] == [
        ("the file", 32631),
        (".prj", 3949),
        (".tab", 27572),
        ("its name", 2154),
        ("dalles.shp", 3857),
        ("--ortho-crs", 2056),
    ]
    with pytest.raises(
        MissingCrsError,
        match=r"tried: the file.*, \.prj, \.tab, its name, dalles\.shp\); say which .*--ortho-crs",
    ):
        _look(nameless)


def test_a_name_that_contradicts_the_file_is_told_and_the_file_believed(tmp_path):
    elsewhere = Affine(0.5, 0, 600_000, 0, -0.5, 2_200_000)
    file = _look(_bare(tmp_path / f"{NAME}.tif", transform=elsewhere, crs="EPSG:27572"))
    assert (_epsg(file), file.transform) == (27572, elsewhere)
    assert file.warnings == (
        "its name says EPSG:2154, but the file says EPSG:27572, which was taken",
    )
    shifted = THERE @ Affine.translation(3, 0) if hasattr(Affine, "__matmul__") else THERE
    whole = _bare(tmp_path / "b" / f"{NAME}.tif", transform=shifted, crs="EPSG:2154", width=HEIGHT)
    cut = _bare(tmp_path / "d" / f"{NAME}.tif", transform=shifted, crs="EPSG:2154")
    assert _look(cut).warnings == ()  # it is not square: the border of a territory cut it
    moved = _look(whole)
    assert moved.warnings == ("it does not lie where its name says; the file was believed",)
    near = THERE @ Affine.translation(0.5, 0.5)
    assert not _look(
        _bare(tmp_path / "c" / f"{NAME}.tif", transform=near, crs="EPSG:2154")
    ).warnings
    part = _bare(tmp_path / f"{NAME}_part.tif", transform=shifted, crs="EPSG:2154")
    assert not _look(part).warnings


def test_another_spelling_of_the_same_crs_contradicts_nothing(tmp_path):
    spelled = (
        "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 "
        "+ellps=GRS80 +towgs84=0,0,0 +units=m"
    )
    file = _look(_bare(tmp_path / f"{NAME}.tif", transform=THERE, crs=spelled))
    assert file.warnings == ()
    assert _epsg(file) == 2154


def test_an_option_that_contradicts_the_file_is_told(tmp_path):
    path = _bare(tmp_path / "a.tif", transform=THERE, crs="EPSG:2154")
    assert _look(path, SourceConfig(ortho_crs="EPSG:27572")).warnings == (
        "--ortho-crs says EPSG:27572, but the file says EPSG:2154, which was taken",
    )
    assert _look(path, SourceConfig(ortho_crs="EPSG:2154")).warnings == ()


def test_a_position_in_another_crs_than_the_name_is_refused(tmp_path):
    path = _bare(tmp_path / f"{NAME}.jp2")
    path.with_suffix(".prj").write_text(pyproj.CRS(27572).to_wkt())
    with pytest.raises(UnreadableInputError, match=r"no position.*its name \(it is in EPSG:2154\)"):
        _look(path)


def test_an_unknown_crs_word_is_named_in_the_refusal(tmp_path):
    path = _bare(tmp_path / "57-2015-0915-6895-MOON-0M50.jp2", transform=THERE)
    with pytest.raises(MissingCrsError, match=r"its name \(MOON is not known\)"):
        _look(path)


def _with_gcps(path: Path, *, bend: float) -> Path:
    corners = [(0, 0), (0, WIDTH), (HEIGHT, WIDTH), (HEIGHT, 0)]
    points = [
        GroundControlPoint(row, col, 915_000 + col / 2, 6_895_000 - row / 2) for row, col in corners
    ]
    points[2].x += bend
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint8"
    ) as dataset:
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(2154))
        dataset.write(noise(bands=3, height=HEIGHT, width=WIDTH))
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_control_points_on_a_geotransform_give_the_position_others_are_refused(tmp_path):
    file = _look(_with_gcps(tmp_path / "a.tif", bend=0))
    assert file.transform.almost_equals(THERE, precision=1e-6)
    assert _epsg(file) == 2154
    with pytest.raises(UnreadableInputError, match="its 4 control points fit no geotransform"):
        _look(_with_gcps(tmp_path / "b.tif", bend=30))


def test_a_geotransform_without_area_is_refused(tmp_path):
    path = _bare(tmp_path / "a.tif")
    path.with_suffix(".tfw").write_text("0\n0\n0\n-0.5\n915000.25\n6894999.75\n")
    with pytest.raises(UnreadableInputError, match="no area"):
        _look(path, SourceConfig(ortho_crs="EPSG:2154"))


def test_lossy_formats_are_known(tmp_path):
    pixels = noise(bands=3, height=HEIGHT, width=WIDTH)
    assert _look(write_raster(tmp_path / "a.jp2", pixels, QUALITY="10", REVERSIBLE="NO")).is_lossy
    assert not _look(write_raster(tmp_path / "b.jp2", pixels)).is_lossy
    jpeg = write_raster(tmp_path / "c.tif", pixels, compress="jpeg", photometric="ycbcr")
    assert _look(jpeg).is_lossy
    assert not _look(write_raster(tmp_path / "d.tif", pixels, compress="deflate")).is_lossy


def test_pixels_of_a_file_placed_by_its_name_come_out_where_they_belong(tmp_path):
    from aerialret.ingestion.imagery.orthophoto import read_area
    from aerialret.tiles.grid import Bounds

    path = _bare(tmp_path / f"{NAME}.jp2")
    bounds = Bounds(915_005, 6_894_980, 915_020, 6_894_990)
    image, valid = read_area([path], bounds=bounds, crs="EPSG:2154", shape=(20, 30), source=PLAIN)
    expected = noise(bands=3, height=HEIGHT, width=WIDTH)[:, 20:40, 10:40]
    np.testing.assert_array_equal(image, expected)
    assert valid.all()
