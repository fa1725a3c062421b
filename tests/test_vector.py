import warnings
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely import LineString, MultiPolygon, Point, Polygon, box

from aerialret.config import SourceConfig
from aerialret.errors import (
    ConfigurationError,
    EmptyLayerError,
    MissingCrsError,
    MissingInputError,
    UnmappedLayerError,
    UnreadableInputError,
)
from aerialret.ingestion.vectors.vector import read_vectors
from aerialret.ingestion.vectors.vector_summary import VectorFeatures
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import CODES
from tests.geodata import CRS, LEFT, TOP, write_layer

WEDGE = Polygon([(LEFT, TOP), (LEFT + 40, TOP), (LEFT + 40, TOP - 10), (LEFT, TOP - 25)])
ROAD = LineString([(LEFT, TOP - 50), (LEFT + 100, TOP - 50)])
SUFFIXES = (".shp", ".gpkg", ".geojson", ".fgb", ".parquet")


def _read(base: Path, *vectors: str, extent: Bounds | None = None, **settings) -> VectorFeatures:
    return read_vectors(
        SourceConfig(vectors=vectors, **settings),
        base=base,
        crs=CRS,
        extent=extent,
        least_width_m=0.5,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_features(tmp_path, suffix):
    write_layer(
        tmp_path / f"batiment{suffix}", [WEDGE, box(0, 0, 5, 5)], NATURE=["Château", "Silo"]
    )
    features = _read(tmp_path, f"batiment{suffix}")
    assert features.codes.tolist() == [CODES["castle"], CODES["building"]]
    np.testing.assert_allclose(shapely.area(features.geometries), [700, 25], rtol=1e-6)
    (report,) = features.layers
    assert (report.features, report.read, report.drawn) == (2, 2, {"building": 1, "castle": 1})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_class_given_with_the_path_is_every_features_class(tmp_path, suffix):
    write_layer(tmp_path / f"x{suffix}", [WEDGE, box(0, 0, 5, 5)], FICTIF=["Oui", "Non"])
    features = _read(tmp_path, f"x{suffix}=terrain de sport")
    assert features.codes.tolist() == [CODES["sport"]] * 2


def test_a_file_name_may_hold_an_equals_sign(tmp_path):
    write_layer(tmp_path / "a=b.geojson", [WEDGE])
    assert _read(tmp_path, "a=b.geojson=water").codes.tolist() == [CODES["water"]]
    write_layer(tmp_path / "x=cimetiere" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    assert _read(tmp_path, "x=cimetiere").codes.tolist() == [CODES["cemetery"]]


def test_layers_of_a_geopackage_are_mapped_one_by_one(tmp_path):
    path = tmp_path / "BDT_3-5.gpkg"
    write_layer(path, [WEDGE], layer="batiment", nature=["Eglise"])
    write_layer(path, [ROAD], layer="troncon_de_route", largeur_de_chaussee=[5.0])
    write_layer(path, [WEDGE], layer="plan_d_eau", nature=["Lac"])
    features = _read(tmp_path, path.name)
    assert sorted(features.codes.tolist()) == [CODES["road"], CODES["church"]]
    assert features.unmapped == ("BDT_3-5.gpkg:plan_d_eau",)
    assert {report.layer for report in features.layers} == {
        "BDT_3-5.gpkg:batiment",
        "BDT_3-5.gpkg:troncon_de_route",
    }


def test_folders_are_walked_and_theme_names_do_not_matter(tmp_path):
    folder = tmp_path / "delivery"
    write_layer(folder / "E_BATI" / "CIMETIERE.shp", [WEDGE], NATURE=["Civil"])
    for part in (folder / "E_BATI").iterdir():
        part.rename(part.with_suffix(part.suffix.upper()))
    write_layer(folder / "moved" / "route.shp", [ROAD], LARGEUR=[4.0])
    write_layer(folder / "dalles.shp", [WEDGE], NOM=["57"])
    write_layer(folder / ".trash" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    features = _read(tmp_path, "delivery")
    assert [report.layer for report in features.layers] == [
        "E_BATI/CIMETIERE.SHP",
        "moved/route.shp",
    ]
    assert features.unmapped == ("dalles.shp",)


def test_lines_are_buffered_by_half_their_width_with_flat_ends(tmp_path):
    write_layer(tmp_path / "route.shp", [ROAD, ROAD], LARGEUR=[6.0, 0.0], NATURE=["Chemin"] * 2)
    features = _read(tmp_path, "route.shp")
    np.testing.assert_allclose(
        features.geometries[0].bounds, (LEFT, TOP - 53, LEFT + 100, TOP - 47)
    )
    assert features.geometries[1].area == pytest.approx(250)


def test_lines_are_at_least_one_pixel_wide(tmp_path):
    write_layer(tmp_path / "route.shp", [ROAD], LARGEUR=[0.2])
    features = read_vectors(
        SourceConfig(vectors=("route.shp",)),
        base=tmp_path,
        crs=CRS,
        extent=None,
        least_width_m=3.9,
    )
    assert features.geometries[0].area == pytest.approx(390)


def test_lines_of_an_assigned_class_get_that_classs_width(tmp_path):
    write_layer(tmp_path / "streets.geojson", [ROAD, ROAD], crs=CRS, width=[8.0, None])
    features = _read(tmp_path, "streets.geojson=road")
    np.testing.assert_allclose(shapely.area(features.geometries), [800, 450])


def test_heights_are_dropped_and_broken_polygons_mended(tmp_path):
    bow = Polygon([(0, 0, 7), (10, 10, 7), (10, 0, 7), (0, 10, 7)])
    write_layer(tmp_path / "batiment.shp", [bow], NATURE=["Silo"])
    (mended,) = _read(tmp_path, "batiment.shp").geometries
    assert mended.is_valid
    assert not mended.has_z
    assert mended.area == pytest.approx(50)


def test_a_mended_polygon_keeps_only_its_areas(tmp_path):
    spike = Polygon([(0, 0), (10, 0), (10, 10), (10, 30), (10, 10), (0, 10)])
    write_layer(tmp_path / "batiment.gpkg", [spike], NATURE=["Silo"])
    (mended,) = _read(tmp_path, "batiment.gpkg").geometries
    assert isinstance(mended, Polygon | MultiPolygon)
    assert mended.area == pytest.approx(100)


def test_points_and_missing_geometries_are_counted(tmp_path):
    write_layer(tmp_path / "x.gpkg", [WEDGE, Point(1, 2), None, Polygon()], building=["yes"] * 4)
    features = _read(tmp_path, "x.gpkg=building")
    assert len(features.codes) == 1
    assert features.layers[0].dropped == {"neither line nor polygon": 1, "no geometry": 2}


def test_dropped_and_unknown_values_are_counted(tmp_path):
    write_layer(
        tmp_path / "troncon_de_route.gpkg",
        [ROAD] * 6,
        nature=["Chemin", "Bac ou liaison maritime", "Allée", "Chemin", "Chemin", "Chemin"],
        position_par_rapport_au_sol=["0", "0", "1", "-1", "0", "0"],
        etat_de_l_objet=["En service"] * 4 + ["En projet", "En service"],
        fictif=[False] * 5 + [True],
    )
    (report,) = _read(tmp_path, "troncon_de_route.gpkg").layers
    assert report.drawn == {"road": 2}
    assert report.dropped == {"ferry": 1, "fictitious": 1, "planned": 1, "underground": 1}
    assert report.unknown_values == {"Allée": 1}


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
@pytest.mark.parametrize("code_page", [True, False])
def test_accents_survive_any_shapefile_encoding(tmp_path, encoding, code_page):
    path = write_layer(
        tmp_path / "BATI_REMARQUABLE.shp", [WEDGE], NATURE=["Château"], encoding=encoding
    )
    if not code_page:
        path.with_suffix(".cpg").unlink()
    assert _read(tmp_path, path.name).codes.tolist() == [CODES["castle"]]


def test_vectors_in_another_crs_land_within_half_a_pixel(tmp_path):
    to_old = Transformer.from_crs(CRS, 27572, always_xy=True)
    hook = [(0, 0), (30, 0), (30, -60), (20, -60), (20, -8), (0, -8)]
    ring = [(700_000 + x, 6_600_000 + y) for x, y in hook]
    old = Polygon([to_old.transform(x, y) for x, y in ring])
    write_layer(tmp_path / "batiment.shp", [old], crs="EPSG:27572", NATURE=["Silo"])
    (drawn,) = _read(tmp_path, "batiment.shp").geometries
    assert drawn.symmetric_difference(Polygon(ring)).area < 0.02 * Polygon(ring).area
    assert drawn.hausdorff_distance(Polygon(ring)) < 0.25


def test_only_features_near_the_imagery_are_read(tmp_path):
    squares = [box(LEFT + 1000 * i, TOP - 30, LEFT + 1000 * i + 10, TOP) for i in range(5)]
    extent = Bounds(LEFT + 1950, TOP - 500, LEFT + 2050, TOP)
    for suffix in SUFFIXES:
        write_layer(tmp_path / f"cimetiere{suffix}", squares, NATURE=["Civil"] * 5)
        features = _read(tmp_path, f"cimetiere{suffix}", extent=extent)
        assert features.layers[0].features == 5
        assert features.layers[0].read == 1
        np.testing.assert_allclose(
            features.coverage.area.bounds, (LEFT, TOP - 30, LEFT + 4010, TOP), err_msg=suffix
        )


def test_without_coverage_layers_the_rectangle_of_the_features_counts(tmp_path):
    write_layer(tmp_path / "a" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    write_layer(
        tmp_path / "a" / "surface_eau.shp", [box(LEFT + 90, TOP, LEFT + 95, TOP + 7)], N=[1]
    )
    coverage = _read(tmp_path, "a").coverage
    assert coverage.area.equals(box(LEFT, TOP - 25, LEFT + 95, TOP + 7))
    assert coverage.origin == "rectangle around the features"


def test_communes_are_the_coverage(tmp_path):
    communes = [box(LEFT, TOP - 50, LEFT + 60, TOP), box(LEFT + 60, TOP - 20, LEFT + 90, TOP)]
    write_layer(tmp_path / "a" / "commune.shp", communes, NOM=["A", "B"])
    write_layer(tmp_path / "a" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    features = _read(tmp_path, "a")
    assert features.coverage.area.area == pytest.approx(60 * 50 + 30 * 20)
    assert features.coverage.origin == "polygons of commune.shp"
    assert features.unmapped == ()
    assert features.codes.tolist() == [CODES["cemetery"]]


def test_a_coverage_file_goes_before_communes(tmp_path):
    write_layer(tmp_path / "a" / "commune.shp", [box(LEFT, TOP - 5, LEFT + 6, TOP)], NOM=["A"])
    write_layer(tmp_path / "a" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    limit = box(LEFT - 10, TOP - 90, LEFT + 70, TOP)
    wgs84 = Transformer.from_crs(CRS, 4326, always_xy=True)
    write_layer(
        tmp_path / "limit.geojson",
        [shapely.transform(limit, wgs84.transform, interleaved=False)],
        crs="EPSG:4326",
    )
    coverage = _read(tmp_path, "a", vector_coverage="limit.geojson").coverage
    assert coverage.area.symmetric_difference(limit).area < 1
    assert coverage.origin == "polygons of limit.geojson"


def test_a_coverage_file_that_is_not_there_is_named(tmp_path):
    write_layer(tmp_path / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    with pytest.raises(MissingInputError, match=r"--vector-coverage limit\.gpkg"):
        _read(tmp_path, "cimetiere.shp", vector_coverage="limit.gpkg")


@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".parquet"])
def test_a_layer_without_crs_needs_the_option(tmp_path, suffix):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pyogrio says that the CRS is missing
        write_layer(tmp_path / f"batiment{suffix}", [WEDGE], crs=None, NATURE=["Silo"])
    with pytest.raises(MissingCrsError, match=rf"batiment\{suffix} .*--vector-crs"):
        _read(tmp_path, f"batiment{suffix}")
    features = _read(tmp_path, f"batiment{suffix}", vector_crs=CRS)
    assert features.geometries[0].equals(WEDGE)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_that_was_named_is_refused(tmp_path, suffix):
    write_layer(tmp_path / f"batiment{suffix}", [], NATURE=np.array([], dtype=object))
    with pytest.raises(EmptyLayerError, match=rf"batiment\{suffix} has no features"):
        _read(tmp_path, f"batiment{suffix}=building")


def test_an_empty_layer_of_a_delivery_is_a_warning(tmp_path):
    write_layer(tmp_path / "a" / "batiment.shp", [], NATURE=np.array([], dtype=object))
    write_layer(tmp_path / "a" / "cimetiere.shp", [WEDGE], NATURE=["Civil"])
    features = _read(tmp_path, "a")
    assert features.codes.tolist() == [CODES["cemetery"]]
    assert features.warnings == ("vector layer batiment.shp has no features",)


def test_a_folder_without_any_mapped_layer_lists_its_layers_and_the_ways_out(tmp_path):
    write_layer(tmp_path / "a" / "houses.shp", [WEDGE], N=[1])
    write_layer(tmp_path / "a" / "trees.gpkg", [WEDGE], N=[1])
    with pytest.raises(
        UnmappedLayerError, match=r"'bdtopo'.* houses, trees;.*--classes.*--vectors .*a=CLASS"
    ):
        _read(tmp_path, "a")


def test_two_editions_at_once_are_refused(tmp_path):
    write_layer(tmp_path / "a" / "ROUTE.shp", [ROAD], LARGEUR=[3.0])
    write_layer(tmp_path / "a" / "batiment.shp", [WEDGE], NATURE=["Silo"])
    with pytest.raises(ConfigurationError, match=r"v2 \(layer ROUTE of .*ROUTE\.shp\) and v3 "):
        _read(tmp_path, "a")


def test_an_unknown_class_lists_the_legal_ones(tmp_path):
    write_layer(tmp_path / "a.geojson", [WEDGE])
    with pytest.raises(ConfigurationError, match=r"'house' is no class; .*6 building"):
        _read(tmp_path, "a.geojson=house")


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(MissingInputError, match=r"--vectors gone\.shp: there is no such"):
        _read(tmp_path, "gone.shp=road")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.995])
def test_a_truncated_file_is_named(tmp_path, suffix, kept):
    squares = [box(i, 0, i + 1, 2) for i in range(300)]
    path = write_layer(tmp_path / f"batiment{suffix}", squares, NATURE=["Silo"] * 300)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UnreadableInputError, match=rf"batiment\{suffix} cannot be read"):
        _read(tmp_path, path.name)


def test_a_cut_table_of_a_shapefile_is_named(tmp_path):
    path = write_layer(tmp_path / "batiment.shp", [WEDGE] * 9, NATURE=["Eglise"] * 9)
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes()[:-200])
    with pytest.raises(UnreadableInputError, match=r"batiment\.dbf should be \d+ bytes long"):
        _read(tmp_path, path.name)


def test_no_vectors_are_no_coverage(tmp_path):
    features = _read(tmp_path)
    assert len(features.geometries) == 0
    assert features.coverage.area.is_empty


def test_osm_tags_are_read_from_any_layer(tmp_path):
    write_layer(
        tmp_path / "map.geojson",
        [WEDGE, WEDGE, ROAD],
        building=["yes", None, None],
        natural=[None, "water", None],
        highway=[None, None, "track"],
    )
    features = _read(tmp_path, "map.geojson", classes="osm")
    assert features.codes.tolist() == [CODES["building"], CODES["water"], CODES["road"]]
    assert features.geometries[2].area == pytest.approx(250)
