import pytest

from aerialret.ingestion.imagery.bdortho_names import parse_name


@pytest.mark.parametrize(
    ("name", "department", "year", "left_m", "top_m", "gsd_m", "codec"),
    [
        ("57-2015-0915-6895-LA93-0M50-E080.jp2", "57", 2015, 915_000, 6_895_000, 0.5, "E080"),
        ("33-2024-0410-6425-LA93-0M20-E080.jp2", "33", 2024, 410_000, 6_425_000, 0.2, "E080"),
        ("14-2005-0415-6890-LA93.tif", "14", 2005, 415_000, 6_890_000, None, ""),
        ("07-1953-0800-6400-LA93-0M50-E080.jp2", "07", 1953, 800_000, 6_400_000, 0.5, "E080"),
        ("44-2013-0286-6713-LA93-0M50.tif", "44", 2013, 286_000, 6_713_000, 0.5, ""),
        ("1-2017-0785-6715-LA93-0M50-E080.jp2", "1", 2017, 785_000, 6_715_000, 0.5, "E080"),
    ],
)
def test_a_name_tells_corner_ground_pixel_and_year_in_any_case(
    name, department, year, left_m, top_m, gsd_m, codec
):
    for spelled in (name, name.lower(), name.upper()):
        found = parse_name(spelled)
        assert found is not None
        assert (found.department, found.year) == (department, year)
        assert (found.left_m, found.top_m) == (left_m, top_m)
        assert (found.gsd_m, found.codec, found.epsg, found.rest) == (gsd_m, codec, 2154, "")


@pytest.mark.parametrize(
    ("token", "epsg"),
    [
        ("RGAF09UTM20", 5490),
        ("RGFG95UTM22", 2972),
        ("RGR92UTM40S", 2975),
        ("RGM04UTM38S", 4471),
        ("LAMB93", 2154),
        ("CC49", 3949),
        ("MOON", None),
    ],
)
def test_the_crs_word_of_every_territory_has_its_code(token, epsg):
    found = parse_name(f"971-2017-0640-1810-{token}-0M20-E080.jp2")
    assert found is not None
    assert (found.epsg, found.department) == (epsg, "971")


def test_corsican_departments_and_parts_cut_by_users_are_read():
    found = parse_name("2a-2016-1205-6110-LA93-0M50-E080_crop.TIF")
    assert found is not None
    assert (found.department, found.rest) == ("2A", "_crop")


@pytest.mark.parametrize(
    "name",
    [
        "m_4709963_se_14_1_20090818.tif",
        "57-1715-0915-6895-LA93.tif",
        "57-2015-915-6895-LA93.tif",
        "57-2015-0915-6895-LA93-0M50-E080.shp",
        "",
    ],
)
def test_other_names_tell_nothing(name):
    assert parse_name(name) is None


@pytest.mark.parametrize(
    ("corner", "width_px", "pixel_m", "is_sure"),
    [
        ("0415-6890", 10_000, 0.5, True),
        ("0415-6890", 25_000, 0.2, True),
        ("0286-6713", 2_000, 0.5, True),
        ("0415-6890", 2_000, 0.5, True),  # 5 km would be pixels of 2.5 m
        ("0415-6890", 5_000, 0.2, True),  # 5 km would be pixels of 1 m
        ("0415-6890", 1_000, 5.0, False),
    ],
)
def test_without_a_ground_pixel_the_size_of_the_tile_tells_it(corner, width_px, pixel_m, is_sure):
    found = parse_name(f"14-2005-{corner}-LA93.tif")
    assert found is not None
    assert found.pixel_m(width_px=width_px) == (pytest.approx(pixel_m), is_sure)
