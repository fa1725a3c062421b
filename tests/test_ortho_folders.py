import warnings as python_warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning

from aerialret.config import SourceConfig
from aerialret.errors import MissingInputError, UnreadableInputError
from aerialret.ingestion.imagery.ortho_delivery import delivery_warnings, without_duplicates
from aerialret.ingestion.imagery.ortho_files import OrthoFile, inspect_ortho
from aerialret.ingestion.imagery.ortho_folders import find_orthos
from tests.geodata import noise, write_raster

PIXELS = noise(bands=3, height=16, width=24)


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def _delivery(root: Path, department: int, *names: str) -> list[Path]:
    """A delivery as it is unpacked, with all that is not imagery."""
    top = root / f"BDORTHO_2-0_RVB-0M50_JP2-E080_LAMB93_D{department:03}_2015-01-01" / "BDORTHO"
    data = top / "1_DONNEES_LIVRAISON_2016-02-00008" / f"BDO_RVB_0M50_D{department}-2015"
    supplements = top / "5_SUPPLEMENTS_LIVRAISON_2016-02-00008" / data.name
    for folder, name in [
        (data, "delivery.md5"),
        (data, ".hidden.tif"),
        (supplements, "dalles.shp"),
        (supplements, "overview.tif"),
        (top / "2_METADONNEES_LIVRAISON_2016", "sheet.jpg"),
        (top, "poster.tif"),
    ]:
        _touch(folder / name)
    return [_touch(data / name) for name in names]


def _inspected(*paths: Path) -> list[OrthoFile]:
    return [inspect_ortho(path, source=SourceConfig()) for path in paths]


def test_of_an_unpacked_delivery_only_the_imagery_is_taken(tmp_path):
    moselle = _delivery(tmp_path, 57, "57-2015-0915-6895-LA93-0M50-E080.jp2", "B.JP2")
    meurthe = _delivery(tmp_path, 54, "54-2015-0910-6895-LA93-0M50-E080.jp2")
    found = find_orthos([str(tmp_path)], base=Path())
    assert found.paths == (*meurthe, *sorted(moselle))
    assert found.warnings == ()
    inside = find_orthos([moselle[0].parent.name], base=moselle[0].parents[1])
    assert inside.paths == tuple(sorted(moselle))


def test_a_folder_of_supplements_that_is_named_itself_is_taken(tmp_path):
    data = _delivery(tmp_path, 57, "a.jp2")[0]
    supplements = data.parents[2] / "5_SUPPLEMENTS_LIVRAISON_2016-02-00008"
    assert find_orthos([str(supplements)], base=Path()).paths == (
        supplements / data.parent.name / "overview.tif",
    )


def test_a_flat_folder_is_taken_whole_in_any_letter_case_and_each_file_once(tmp_path):
    names = ["a.TIF", "b.Jp2", "c.tiff", "d.vrt", "sub/e.J2K"]
    paths = [_touch(tmp_path / name) for name in names]
    entries = [str(tmp_path / "c.tiff"), str(tmp_path), str(tmp_path / "*.TIF")]
    assert find_orthos(entries, base=Path()).paths == (paths[2], *paths[:2], *paths[3:])


def test_pictures_are_imagery_only_where_something_tells_their_position(tmp_path):
    placed = [
        _touch(tmp_path / name)
        for name in ("57-2015-0915-6895-LA93-0M50.JPG", "a.PNG", "b.jpeg", "c.png")
    ]
    for sidecar in ("a.PGW", "b.jgw", "c.png.aux.xml"):
        _touch(tmp_path / sidecar)
    _touch(tmp_path / "logo.png")
    _touch(tmp_path / "QuickLook" / "q.jpg")
    found = find_orthos([str(tmp_path)], base=Path())
    assert found.paths == tuple(placed)
    assert found.warnings == (
        f"logo.png in {tmp_path.name}: left out, as neither a world file nor the name tells the "
        "position",
    )


def test_ecw_files_are_counted_and_the_way_out_is_told(tmp_path):
    for name in ("57-2005-0915-6895-LA93.ecw", "b.ECW"):
        _touch(tmp_path / name)
    line = r"2 files \(the first is 57-2005-0915-6895-LA93.ecw\) cannot be read.*gdal_translate"
    with pytest.raises(UnreadableInputError, match=line):
        find_orthos([str(tmp_path)], base=Path())
    with pytest.raises(UnreadableInputError, match=r"b\.ECW cannot be read"):
        find_orthos([str(tmp_path / "b.ECW")], base=Path())
    _touch(tmp_path / "B.jp2")  # the same tile, in a format that can be read
    found = find_orthos([str(tmp_path)], base=Path())
    assert found.paths == (tmp_path / "B.jp2",)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("57-2005-0915-6895-LA93.ecw cannot be read")


def test_a_folder_without_imagery_is_refused_with_what_it_holds(tmp_path):
    with pytest.raises(MissingInputError, match=r"no file that ends in \.j2k, \.jp2"):
        find_orthos([str(tmp_path)], base=Path())
    _touch(tmp_path / "BDORTHO_2-0_D057.7z.001")
    with pytest.raises(MissingInputError, match=r"archives \(BDORTHO_2-0_D057.7z.001\); unpack"):
        find_orthos([str(tmp_path)], base=Path())
    with pytest.raises(MissingInputError, match="no such file or folder"):
        find_orthos(["nowhere/*.tif"], base=tmp_path)


@pytest.mark.parametrize("order", [1, -1])
def test_a_tile_delivered_twice_is_taken_once_in_its_lossless_form(tmp_path, order):
    lossy = write_raster(tmp_path / "a.jp2", PIXELS, QUALITY="10", REVERSIBLE="NO")
    whole = write_raster(tmp_path / "A.tif", PIXELS)
    other = write_raster(tmp_path / "sub" / "a.tif", PIXELS, left=900_024)
    files = _inspected(lossy, whole, other)[::order]
    kept, warnings = without_duplicates(files)
    assert [file.path for file in kept] == [whole, other][::order]
    assert warnings == ("a.jp2: left out, as the same tile is there in another file of this name",)


def test_a_vrt_of_files_that_are_there_is_left_out_another_is_kept(tmp_path):
    tile = write_raster(tmp_path / "a.tif", PIXELS)
    vrt = tmp_path / "all.vrt"
    with rasterio.open(tile) as dataset:
        rasterio.shutil.copy(dataset, vrt, driver="VRT")
    both, warnings = without_duplicates(_inspected(tile, vrt))
    assert [file.path for file in both] == [tile]
    assert warnings == ("all.vrt: left out, as all files that it shows are there",)
    assert without_duplicates(_inspected(vrt))[0][0].path == vrt
    assert without_duplicates([]) == ((), ())


def test_years_in_names_are_held_against_each_other_and_against_the_date(tmp_path):
    names = ["57-2004-0900-6800-LA93-1M00.tif", "57-2012-0900-6800-LA93-1M00.tif"]
    old, new = _inspected(*(write_raster(tmp_path / name, PIXELS) for name in names))
    assert delivery_warnings([old], date="2004") == ()
    assert delivery_warnings([old], date="2003-06-01..2004-05-31") == ()
    assert delivery_warnings([old], date="2012-07") == (
        "the names of the orthophotos say 2004, but they are ingested as 2012-07",
    )
    mixed = delivery_warnings([old, new], date="2004..2012")
    assert len(mixed) == 1
    assert "say 2004 (1 file), 2012 (1 file); one date is one state" in mixed[0]


def test_mixtures_are_told_and_a_uniform_set_is_not(tmp_path):
    base = inspect_ortho(write_raster(tmp_path / "a.tif", PIXELS), source=SourceConfig())
    twin = replace(base, path=tmp_path / "b.tif")
    assert delivery_warnings([base, twin], date="2004") == ()
    assert delivery_warnings([], date="2004") == ()
    paths = [
        write_raster(tmp_path / "c.tif", PIXELS, resolution=0.5),
        write_raster(tmp_path / "d.tif", PIXELS, crs="EPSG:2056"),
        write_raster(tmp_path / "e.tif", PIXELS[:1]),
        write_raster(tmp_path / "f.tif", PIXELS.astype(np.uint16)),
    ]
    said = [delivery_warnings([base, other], date="2004") for other in _inspected(*paths)]
    assert [len(each) for each in said] == [1, 1, 1, 1]
    assert "pixels of several sizes: 0.5 (1 file), 1 (1 file)" in said[0][0]
    assert "several coordinate systems: EPSG:2056 (1 file), EPSG:2154" in said[1][0]
    assert "some orthophotos are grey, some in colour" in said[2][0]
    assert "pixels of several types: uint16 (1 file), uint8 (1 file)" in said[3][0]


def test_what_is_doubtful_about_many_files_is_told_once(tmp_path):
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", NotGeoreferencedWarning)
        file = inspect_ortho(
            write_raster(tmp_path / "57-2015-0950-6800-LA93-1M00.tif", PIXELS),
            source=SourceConfig(),
        )
    many = [replace(file, path=tmp_path / f"57-2015-0{n}-6800-LA93.tif") for n in (910, 920, 930)]
    assert delivery_warnings(many, date="2015") == (
        "57-2015-0910-6800-LA93.tif and 2 others: it does not lie where its name says; the file "
        "was believed",
    )
