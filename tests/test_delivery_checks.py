from pathlib import Path

import pytest
from pyproj import Transformer
from shapely import LineString, box, transform
from shapely.affinity import translate

from aerialret.config import SourceConfig
from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.class_mapping import read_mapping
from aerialret.ingestion.vectors.layer_names import plain_name
from aerialret.ingestion.vectors.vector_plan import VectorPlan, plan_layers, vector_entries
from tests.dbf_marks import set_marks
from tests.geodata import CRS, LEFT, TOP, write_layer

HOUSES = [box(LEFT, TOP - 10, LEFT + 20, TOP), box(LEFT + 80, TOP - 60, LEFT + 95, TOP - 40)]
ROAD = LineString([(LEFT, TOP - 50), (LEFT + 100, TOP - 70)])
V3 = {
    "BATIMENT": "NATURE", "TRONCON_DE_ROUTE": "NATURE", "TRONCON_DE_VOIE_FERREE": "NATURE",
    "SURFACE_HYDROGRAPHIQUE": "NATURE", "TERRAIN_DE_SPORT": "NATURE", "CIMETIERE": "NATURE",
    "ZONE_DE_VEGETATION": "NATURE", "PISTE_D_AERODROME": "NATURE",
}  # fmt: skip


def _plan(base: Path, *vectors: str) -> VectorPlan:
    entries = vector_entries(SourceConfig(vectors=vectors), base=base)
    return plan_layers(entries, mapping=read_mapping("bdtopo"), classes="bdtopo")


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        ("BATIMENT", "batiment"),
        ("D057_BATIMENT", "batiment"),
        ("57_batiment", "batiment"),
        ("ROUTE_D02A", "route"),
        ("route-r44", "route"),
        ("BDTOPO_V3:troncon_de_route", "troncon_de_route"),
        ("route_500", "route_500"),  # another product
        ("ROUTE_DE_NUIT", "route_de_nuit"),
        ("D057", "d057"),
        ("gis_osm_roads_free_1", "gis_osm_roads_free_1"),
    ],
)
def test_a_layers_plain_name_has_no_department(layer, plain):
    assert plain_name(layer) == plain


@pytest.mark.parametrize("stem", ["BATIMENT", "batiment", "Batiment", "D057_BATIMENT"])
@pytest.mark.parametrize("folder", [".", "BATI", "x/y/BDTOPO/1_DONNEES/BDT_3-0/bati"])
def test_layers_are_known_by_their_stem_in_any_folder_and_case(tmp_path, stem, folder):
    write_layer(tmp_path / "a" / folder / f"{stem}.shp", HOUSES, NATURE=["Silo", "Eglise"])
    plan = _plan(tmp_path, "a")
    assert [planned.layer.path.stem for planned in plan.drawn] == [stem]
    assert plan.edition == "v3"


def test_departments_side_by_side_are_all_read(tmp_path):
    for shift, name in ((0, "D057"), (100, "D054"), (200, "D088")):
        houses = [translate(house, shift) for house in HOUSES]
        write_layer(tmp_path / "a" / name / "BATIMENT.shp", houses, NATURE=["Silo"] * 2)
    plan = _plan(tmp_path, "a")
    assert [item.layer.label for item in plan.drawn] == [
        "D054/BATIMENT.shp", "D057/BATIMENT.shp", "D088/BATIMENT.shp",
    ]  # fmt: skip
    assert not any("count twice" in warning for warning in plan.warnings)


def test_a_layer_that_is_there_as_shapefile_and_geopackage_is_a_warning(tmp_path):
    write_layer(tmp_path / "a" / "BATIMENT.shp", HOUSES, NATURE=["Silo"] * 2)
    write_layer(tmp_path / "a" / "bdt.gpkg", HOUSES, layer="batiment", nature=["Silo"] * 2)
    (warning, _) = _plan(tmp_path, "a").warnings
    assert warning.startswith("vector layers BATIMENT.shp and bdt.gpkg have one name")


def test_a_copy_in_another_crs_is_a_warning_too(tmp_path):
    to_old = Transformer.from_crs(CRS, 27572, always_xy=True)
    old = [transform(house, to_old.transform, interleaved=False) for house in HOUSES]
    write_layer(tmp_path / "a" / "l93" / "BATIMENT.shp", HOUSES, NATURE=["Silo"] * 2)
    write_layer(tmp_path / "a" / "l2e" / "BATIMENT.shp", old, crs="EPSG:27572", NATURE=["Silo"] * 2)
    assert any("count twice" in warning for warning in _plan(tmp_path, "a").warnings)


def test_the_error_of_two_editions_names_both_layers_and_files(tmp_path):
    write_layer(tmp_path / "old" / "SURFACE_EAU.shp", HOUSES, NATURE=["Bassin"] * 2)
    write_layer(tmp_path / "new" / "ZONE_DE_VEGETATION.shp", HOUSES, NATURE=["Bois"] * 2)
    message = (
        r"v2 \(layer SURFACE_EAU of .*old/SURFACE_EAU\.shp\) and "
        r"v3 \(layer ZONE_DE_VEGETATION of .*new/ZONE_DE_VEGETATION\.shp\).*one edition"
    )
    with pytest.raises(ConfigurationError, match=message):
        _plan(tmp_path, "old", "new")


def test_one_warning_names_the_classes_for_which_a_delivery_has_no_layer(tmp_path):
    for layer in V3:
        if layer not in {"PISTE_D_AERODROME", "CIMETIERE"}:
            write_layer(tmp_path / "a" / f"{layer}.shp", HOUSES, NATURE=["?"] * 2)
    assert _plan(tmp_path, "a").warnings == (
        "the v3 delivery has no layer for these classes, which stay empty: cemetery (CIMETIERE); "
        "airport (PISTE_AERODROME, PISTE_D_AERODROME)",
    )


def test_a_whole_delivery_is_no_warning(tmp_path):
    for layer in V3:
        write_layer(tmp_path / "a" / f"{layer}.shp", HOUSES, NATURE=["?"] * 2)
    assert _plan(tmp_path, "a").warnings == ()


def test_single_files_and_unknown_editions_are_not_missing_anything(tmp_path):
    write_layer(tmp_path / "BATIMENT.shp", HOUSES, NATURE=["Silo"] * 2)
    assert _plan(tmp_path, "BATIMENT.shp").warnings == ()
    write_layer(tmp_path / "a" / "CIMETIERE.shp", HOUSES, NATURE=["Civil"] * 2)
    plan = _plan(tmp_path, "a")
    assert (plan.warnings, plan.edition) == ((), "")


def test_version_1_counts_with_version_2(tmp_path):
    write_layer(tmp_path / "a" / "troncon_route.shp", [ROAD], crs="EPSG:27572", NATURE=["Chemin"])
    plan = _plan(tmp_path, "a")
    assert plan.edition == "v2"
    assert plan.drawn[0].rule.land_class == "road"


def test_a_cpg_that_lies_is_a_warning(tmp_path):
    path = write_layer(tmp_path / "BATIMENT.shp", HOUSES, encoding="cp1252", NATURE=["Château"] * 2)
    set_marks(path, cpg="UTF-8")
    (warning,) = _plan(tmp_path, "BATIMENT.shp").warnings
    assert warning == (
        "vector layer BATIMENT.shp: its .cpg says UTF-8, but its texts are not; they are read as "
        "cp1252"
    )
