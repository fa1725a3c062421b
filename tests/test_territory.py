"""The demo territory: the same request gives the same bytes, in the formats of an agency."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from aerialret.errors import ConfigurationError, WouldOverwriteError
from aerialret.territory import Delivery, TerritoryConfig, make_territory
from aerialret.territory.config import DATES, EARLY, LATE
from aerialret.territory.early import early_world
from aerialret.territory.features import concatenate, near, table, touching
from aerialret.territory.late import late_world
from aerialret.territory.noise import PixelWindow, noise_field, stream
from aerialret.territory.ortho import sheets
from aerialret.territory.parcels import divide
from aerialret.territory.raster import Layer
from aerialret.territory.world import World

SMALL = TerritoryConfig(cols=7, rows=4, seed=3)
ACROSS_SHEETS = TerritoryConfig(cols=9, rows=2, gsd_m=4.0, seed=1)


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return make_territory(tmp_path_factory.mktemp("territory") / "small", SMALL)


@pytest.fixture(scope="module")
def worlds() -> tuple[World, World]:
    config = TerritoryConfig(cols=12, rows=11, seed=5)
    early = early_world(config)
    return early, late_world(config, early)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def root_of(delivery: Delivery) -> Path:
    return delivery.ortho[EARLY].parents[1]


def shapefiles(delivery: Delivery) -> dict[str, Path]:
    return {path.stem: path for path in delivery.vectors[EARLY].rglob("*.SHP")}


def geopackage(delivery: Delivery) -> Path:
    (path,) = delivery.vectors[LATE].rglob("*.gpkg")
    return path


def test_the_same_request_gives_the_same_bytes(delivery: Delivery, tmp_path: Path) -> None:
    again = make_territory(tmp_path / "elsewhere", SMALL)
    assert digests(root_of(again)) == digests(root_of(delivery))


def test_another_seed_changes_every_orthophoto_and_the_layers(
    delivery: Delivery, tmp_path: Path
) -> None:
    other = make_territory(tmp_path / "other", TerritoryConfig(cols=7, rows=4, seed=4))
    ours, theirs = digests(root_of(delivery)), digests(root_of(other))
    rasters = [name for name in ours if name.startswith("orthophotos")]
    assert rasters
    assert all(ours[name] != theirs[name] for name in rasters)
    layers = [name for name in ours if name.endswith(("ROUTE.SHP", "COMMUNE.SHP", ".gpkg"))]
    assert len(layers) == 3
    assert all(ours[name] != theirs[name] for name in layers)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    delivery: Delivery, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill(message: str) -> None:
        if message.startswith(f"vector layers of {LATE}"):
            raise KilledError

    with pytest.raises(KilledError):
        make_territory(tmp_path / "t", SMALL, progress=kill)
    assert not (tmp_path / "t").exists()
    messages: list[str] = []
    again = make_territory(tmp_path / "t", SMALL, progress=messages.append)
    assert digests(root_of(again)) == digests(root_of(delivery))
    assert not any(message.startswith(f"vector layers of {EARLY}") for message in messages)


def test_a_territory_that_is_there_is_not_made_again(delivery: Delivery) -> None:
    messages: list[str] = []
    assert make_territory(root_of(delivery), SMALL, progress=messages.append) == delivery
    assert messages == []


def test_another_territory_or_other_files_are_never_overwritten(
    delivery: Delivery, tmp_path: Path
) -> None:
    with pytest.raises(WouldOverwriteError, match="another territory is there"):
        make_territory(root_of(delivery), TerritoryConfig(cols=7, rows=4, seed=9))
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(WouldOverwriteError, match="something else than a territory"):
        make_territory(tmp_path, SMALL)
    assert (tmp_path / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize("date", DATES)
def test_sheets_on_disk_cover_the_territory_once(delivery: Delivery, date: str) -> None:
    left, bottom, right, top = SMALL.bounds
    count = np.zeros((round((top - bottom) / 2), round((right - left) / 2)), int)
    assert len(list(delivery.ortho[date].iterdir())) == 2
    for path in delivery.ortho[date].iterdir():
        with rasterio.open(path) as sheet:
            assert sheet.crs.to_epsg() == 2154
            assert (sheet.count, sheet.dtypes[0], sheet.res) == (3, "uint8", (2.0, 2.0))
            assert sheet.driver == ("GTiff" if date == EARLY else "JP2OpenJPEG")
            row = round((top - sheet.bounds.top) / 2)
            col = round((sheet.bounds.left - left) / 2)
            count[row : row + sheet.height, col : col + sheet.width] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("gsd_m", [0.5, 2.0, 4.0])
def test_planned_sheets_are_cut_without_gap_or_overlap(gsd_m: float) -> None:
    config = TerritoryConfig(cols=13, rows=17, gsd_m=gsd_m)
    boxes = [shapely.box(*sheet.window.bounds) for sheet in sheets(config)]
    assert len(boxes) > 4
    assert sum(box.area for box in boxes) == pytest.approx(config.frame.area)
    assert shapely.union_all(boxes).symmetric_difference(config.frame).area < 1e-6


def test_sheets_are_named_by_the_kilometre_of_their_corner() -> None:
    for sheet in sheets(ACROSS_SHEETS):
        west, north = sheet.window.left_m / 1000, sheet.window.top_m / 1000
        assert 0 <= west - sheet.east_km < 2
        assert 0 <= sheet.north_km - north < 2


def test_the_first_date_is_a_v2_tree_of_shapefiles(delivery: Delivery) -> None:
    layers = shapefiles(delivery)
    wanted = {
        "ROUTE": {"ID", "NATURE", "LARGEUR", "NB_VOIES", "POS_SOL", "ETAT", "FICTIF"},
        "TRONCON_VOIE_FERREE": {"ID", "NATURE", "NB_VOIES"},
        "SURFACE_EAU": {"ID", "NATURE"},
        "BATI_INDIFFERENCIE": {"ID", "HAUTEUR"},
        "BATI_REMARQUABLE": {"ID", "NATURE"},
        "ZONE_VEGETATION": {"ID", "NATURE"},
        "COMMUNE": {"ID", "CODE_INSEE", "NOM"},
    }
    assert layers["ROUTE"].parent.name == "A_RESEAU_ROUTIER"
    for name, fields in wanted.items():
        info = pyogrio.read_info(layers[name])
        assert fields <= set(info["fields"])
        assert info["crs"] == "EPSG:2154"
        assert info["features"] > 0


def test_the_second_date_is_a_v3_geopackage(delivery: Delivery) -> None:
    path = geopackage(delivery)
    road = {"cleabs", "nature", "largeur_de_chaussee", "nombre_de_voies", "fictif"}
    road |= {"position_par_rapport_au_sol", "etat_de_l_objet"}
    wanted = {
        "troncon_de_route": road,
        "troncon_de_voie_ferree": {"cleabs", "nature", "nombre_de_voies"},
        "surface_hydrographique": {"cleabs", "nature", "position_par_rapport_au_sol"},
        "batiment": {"cleabs", "nature", "usage_1"},
        "zone_de_vegetation": {"cleabs", "nature"},
        "commune": {"cleabs", "code_insee"},
    }
    assert {name for name, _ in pyogrio.list_layers(path)} >= set(wanted)
    for name, fields in wanted.items():
        info = pyogrio.read_info(path, layer=name)
        assert fields <= set(info["fields"])
        assert info["crs"] == "EPSG:2154"


def test_layers_without_features_are_left_out(delivery: Delivery) -> None:
    assert all(pyogrio.read_info(path)["features"] for path in shapefiles(delivery).values())
    path = geopackage(delivery)
    for name, _ in pyogrio.list_layers(path):
        assert pyogrio.read_info(path, layer=name)["features"] > 0
    assert "PISTE_AERODROME" not in shapefiles(delivery)


def test_accents_survive_the_eight_bit_attribute_files(delivery: Delivery) -> None:
    assert shapefiles(delivery)["ROUTE"].with_suffix(".CPG").read_text() == "ISO-8859-1"
    roads = pyogrio.read_dataframe(shapefiles(delivery)["ROUTE"], read_geometry=False)
    assert "Route à 1 chaussée" in set(roads["NATURE"])


def test_some_road_widths_are_unknown_at_both_dates(delivery: Delivery) -> None:
    early = pyogrio.read_dataframe(shapefiles(delivery)["ROUTE"], read_geometry=False)
    late = pyogrio.read_dataframe(
        geopackage(delivery), layer="troncon_de_route", read_geometry=False
    )
    assert 0 < (early["LARGEUR"] == 0).mean() < 0.5
    assert 0 < late["largeur_de_chaussee"].isna().mean() < 0.7


@pytest.mark.parametrize("date", DATES)
def test_communes_cover_the_territory_exactly(delivery: Delivery, date: str) -> None:
    if date == EARLY:
        rows = pyogrio.read_dataframe(shapefiles(delivery)["COMMUNE"])
    else:
        rows = pyogrio.read_dataframe(geopackage(delivery), layer="commune")
    assert rows.geometry.area.sum() == pytest.approx(SMALL.frame.area, rel=1e-9)
    assert rows.union_all().symmetric_difference(SMALL.frame).area < 1e-3


def test_drawn_buildings_lie_within_three_metres_of_the_true_ones(delivery: Delivery) -> None:
    early = early_world(SMALL)
    drawn = pyogrio.read_dataframe(shapefiles(delivery)["BATI_INDIFFERENCIE"])
    truth = shapely.STRtree(early.buildings.geometry)
    shapes = shapely.force_2d(drawn.geometry.to_numpy())
    nearest = early.buildings.geometry[truth.nearest(shapely.centroid(shapes))]
    gaps = shapely.hausdorff_distance(shapes, nearest)
    assert len(gaps) > 20
    assert gaps.max() < 3.0
    assert np.median(gaps) > 0.05


def test_the_world_changes_and_mostly_stays(worlds: tuple[World, World]) -> None:
    early, late = worlds
    stays = touching(shapely.centroid(early.buildings.geometry), late.buildings.geometry).mean()
    is_new = (
        1 - touching(shapely.centroid(late.buildings.geometry), early.buildings.geometry).mean()
    )
    assert 0.85 < stays < 0.995
    assert 0.05 < is_new < 0.35
    roads_stay = near(early.roads.geometry, late.roads.geometry, within_m=0.01).mean()
    assert roads_stay > 0.9
    woods = [shapely.union_all(world.greenery.geometry) for world in worlds]
    both = shapely.intersection(*woods).area / shapely.union(*woods).area
    assert 0.6 < both < 0.97


def test_settlements_grow_where_fields_were(worlds: tuple[World, World]) -> None:
    early, late = worlds
    built = [
        shapely.area(world.parcels.geometry[np.isin(world.parcels["use"], ("estate",))]).sum()
        for world in worlds
    ]
    assert built[1] > 1.02 * built[0]
    assert len(late.roads) != len(early.roads)


@pytest.mark.parametrize("which", [0, 1])
def test_no_building_stands_on_a_road_or_in_water(worlds: tuple[World, World], which: int) -> None:
    world = worlds[which]
    roads = shapely.buffer(world.roads.geometry, world.roads["width_m"] / 2, cap_style="flat")
    assert not touching(world.buildings.geometry, roads).any()
    assert not touching(world.buildings.geometry, world.water.geometry).any()


def test_parcels_are_a_partition_of_the_land() -> None:
    land = shapely.Polygon([(0, 0), (900, 50), (1100, 700), (300, 800), (-60, 300)])

    def wanted(xy: np.ndarray) -> np.ndarray:
        return np.full(len(xy), 12_000.0)

    division = divide(np.array([land], object), target_area_m2=wanted, rng=stream(0, "t"))
    shapes = division.parcels.geometry
    assert len(shapes) > 30
    assert shapely.area(shapes).sum() == pytest.approx(land.area, rel=1e-3)
    assert shapely.union_all(shapes).area == pytest.approx(shapely.area(shapes).sum(), rel=1e-6)
    assert len(divide(np.empty(0, object), target_area_m2=wanted, rng=stream(0, "t")).parcels) == 0


def test_noise_is_the_same_from_every_window() -> None:
    field = noise_field(SMALL.bounds, step_m=7.5, rng=stream(2, "noise"))
    whole = PixelWindow(left_m=SMALL.left_m, top_m=SMALL.top_m, gsd_m=2.0, width=90, height=60)
    part = PixelWindow(
        left_m=SMALL.left_m + 40, top_m=SMALL.top_m - 22, gsd_m=2.0, width=31, height=17
    )
    expected = field.sample(whole)[11:28, 20:51]
    np.testing.assert_allclose(field.sample(part), expected, atol=1e-4)


def test_coverage_is_the_covered_share_of_a_pixel() -> None:
    window = PixelWindow(left_m=100.0, top_m=50.0, gsd_m=2.0, width=7, height=4)
    square = np.array([shapely.box(102, 45, 106, 48)], object)
    cover = Layer(square).coverage(window, supersampling=2)
    expected = np.zeros((4, 7), np.float32)
    expected[1, 1:3], expected[2, 1:3] = 1.0, 0.5
    np.testing.assert_array_equal(cover, expected)
    assert not Layer(np.empty(0, object)).coverage(window).any()
    assert (Layer(np.empty(0, object)).positions(window) == -1).all()


def test_a_single_tile_without_any_road_is_a_territory_too(tmp_path: Path) -> None:
    config = TerritoryConfig(cols=1, rows=1, seed=1)
    delivery = make_territory(tmp_path / "tile", config)
    assert all(len(list(delivery.ortho[date].iterdir())) == 1 for date in DATES)
    assert "COMMUNE" in shapefiles(delivery)


def test_tables_without_rows_can_be_joined() -> None:
    empty = table([], kind=np.empty(0, "U4"))
    assert len(concatenate([empty, empty])) == 0
    assert len(concatenate([empty, table([shapely.Point(0, 1)], kind="a")])) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cols": 0}, "cols is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"gsd_m": math.nan}, "gsd_m is nan"),
        ({"gsd_m": 3.0}, "multiple of gsd_m"),
        ({"left_m": 921_601.0}, "multiple of tile_size_m"),
    ],
)
def test_an_impossible_territory_cannot_be_asked_for(
    changes: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TerritoryConfig(**changes)  # type: ignore[arg-type]
