"""Two versions of BD TOPO of one square kilometre, as delivered: their masks are the same ground.

Every trap is drawn twice, by the rule and without it, so that a rule that is taken out shows.
"""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin

from aerialret.config import GridConfig, SourceConfig
from aerialret.errors import ConfigurationError, MissingCrsError
from aerialret.ingestion.ingest import IngestReport, ingest
from aerialret.ingestion.vectors import class_mapping, classify, folding, vector_layers
from aerialret.ingestion.vectors.vector_encoding import TextEncoding
from aerialret.tiles.palette import CODES, NO_COVERAGE
from aerialret.tiles.tileset import TileSet
from tests.bdtopo_delivery import V2_TREE, write_v2, write_v3, write_v3_gpkg
from tests.bdtopo_world import (
    CHANGED,
    COMMUNE,
    DROPPED_WATER,
    FICTITIOUS,
    GONE,
    IGLOO,
    LAKE,
    NO_GROUND,
    NOT_ON_THE_GROUND,
    ROADS,
    SIDE_M,
    STAR,
    WATER,
    Feature,
)  # fmt: skip
from tests.geodata import CRS, LEFT, TOP, noise, write_raster

SIDE_PX = 500
PIXEL_M = SIDE_M / SIDE_PX
MAPPING = (resources.files("aerialret.ingestion.vectors") / "mappings" / "bdtopo.toml").read_text(
    "utf-8"
)

Mask = NDArray[np.uint8]


class Drawn(NamedTuple):
    """The mask of a delivery, 2 m a pixel, and the report of its ingest."""

    mask: Mask
    report: IngestReport


def mask_of(delivery: Path, **settings: Any) -> Drawn:
    """What `ingest` draws of a delivery: the one place here that knows how that is asked."""
    base = delivery.parent
    target = base / f"tiles{len(list(base.glob('tiles*')))}"
    ortho = base / "ortho.tif"
    if not ortho.exists():
        pixels = noise(bands=3, height=SIDE_PX // 5, width=SIDE_PX // 5)
        write_raster(ortho, pixels, resolution=PIXEL_M * 5)
    report = ingest(
        target,
        date="2004",
        source=SourceConfig(ortho=(str(ortho),), vectors=(str(delivery),), **settings),
        grid=GridConfig(
            crs=CRS, tile_size_m=SIDE_M / 2, tile_px=SIDE_PX // 2, origin=f"{LEFT},{TOP}"
        ),
        base=base,
        workers=1,
    )
    tileset = TileSet(target)
    masks = tileset.read("2004", tileset.tiles("2004")).masks
    return Drawn(np.block([[masks[0], masks[1]], [masks[2], masks[3]]]), report)


def edited(folder: Path, old: str, new: str) -> str:
    """The name of the BD TOPO mapping with a passage changed."""
    assert old in MAPPING
    path = folder / "edited.toml"
    path.write_text(MAPPING.replace(old, new), "utf-8")
    return str(path)


def inside(*shapes: Any, margin_m: float = 0.0) -> NDArray[np.bool_]:
    """The pixels whose centre lies in one of the shapes, or as near."""
    grown = [shapely.buffer(shape, margin_m) if margin_m else shape for shape in shapes]
    drawn = rasterize(grown, (SIDE_PX, SIDE_PX), transform=from_origin(LEFT, TOP, PIXEL_M, PIXEL_M))
    return drawn.astype(bool)


def along(features: Sequence[Feature], width_m: float) -> NDArray[np.bool_]:
    """The pixels of lines of one width."""
    shapes = [shapely.buffer(item.shape, width_m / 2, cap_style="flat") for item in features]
    return inside(*shapes)


@pytest.fixture(scope="module")
def v2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v2(tmp_path_factory.mktemp("old") / "v2")


@pytest.fixture(scope="module")
def v3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v3(tmp_path_factory.mktemp("new") / "v3")


@pytest.fixture(scope="module")
def early(v2: Path) -> Drawn:
    """Version 2 as it is drawn without any setting."""
    return mask_of(v2)


@pytest.fixture(scope="module")
def late(v3: Path) -> Drawn:
    """Version 3 as it is drawn without any setting."""
    return mask_of(v3)


def test_masks_of_both_versions_agree_but_where_the_world_changed(tmp_path, early, late):
    packed = mask_of(write_v3_gpkg(tmp_path / "gpkg")).mask
    changed = inside(*CHANGED)
    np.testing.assert_array_equal(late.mask, packed)
    np.testing.assert_array_equal(early.mask[~changed], late.mask[~changed])
    assert (early.mask[changed] != late.mask[changed]).all()
    assert set(np.unique(late.mask)) == {0, *CODES.values(), NO_COVERAGE}
    assert set(np.unique(early.mask)) == set(np.unique(late.mask))


def test_the_classes_lie_where_the_world_has_them(late):
    mask = late.mask
    np.testing.assert_array_equal(mask == NO_COVERAGE, ~inside(COMMUNE))
    assert (mask[inside(STAR)] == CODES["building"]).all()
    np.testing.assert_array_equal(
        mask == CODES["water"], inside(*(item.shape for item in WATER)) & inside(COMMUNE)
    )


def test_a_delivery_is_read_in_any_folder_and_encoding(tmp_path, late):
    for name, encoding, flat in (("a", "cp1252", False), ("b", "UTF-8", True)):
        folder = write_v3(tmp_path / name, encoding=encoding, flat=flat)
        np.testing.assert_array_equal(mask_of(folder).mask, late.mask)


@pytest.mark.parametrize("encoding", ["UTF-8", "cp1252"])
def test_version_2_is_read_in_both_encodings(tmp_path, early, encoding):
    folder = write_v2(tmp_path / "other", encoding=encoding)
    np.testing.assert_array_equal(mask_of(folder).mask, early.mask)


def test_without_telling_the_encoding_and_mending_texts_the_castle_is_lost(v3, late, monkeypatch):
    castle = late.mask == CODES["castle"]
    assert castle.any()
    monkeypatch.setattr(
        vector_layers, "encoding_of", lambda path, fields: TextEncoding(name="cp1252")
    )
    np.testing.assert_array_equal(mask_of(v3).mask == CODES["castle"], castle)  # texts are mended
    monkeypatch.setattr(folding, "repair_encoding", lambda text: text)
    folding.fold.cache_clear()
    without = mask_of(v3).mask
    folding.fold.cache_clear()
    assert (without[castle] == CODES["building"]).all()
    monkeypatch.undo()
    monkeypatch.setattr(folding, "repair_encoding", lambda text: text)
    np.testing.assert_array_equal(mask_of(v3).mask == CODES["castle"], castle)  # bytes are told


def test_without_folding_accents_a_church_is_a_building(v3, late, monkeypatch):
    church = late.mask == CODES["church"]
    monkeypatch.setattr(classify, "fold", str)
    monkeypatch.setattr(classify, "fold_all", frozenset)
    without = mask_of(v3).mask == CODES["church"]
    assert 0 < without.sum() < church.sum()


@pytest.mark.parametrize("reason", sorted(NOT_ON_THE_GROUND))
def test_what_is_not_on_the_ground_is_drawn_only_if_its_reason_is_kept(v2, v3, early, late, reason):
    ghosts = along(NOT_ON_THE_GROUND[reason], 9.0)
    for delivery, plain in ((v2, early), (v3, late)):
        kept = mask_of(delivery, keep=(reason,))
        (roads,) = [item for item in plain.report.layers if "road" in item.drawn]
        assert roads.dropped[reason] == len(NOT_ON_THE_GROUND[reason])
        assert (kept.mask[ghosts] == CODES["road"]).all()
        assert not (plain.mask[ghosts] == CODES["road"]).all()
        changed = plain.mask != kept.mask
        assert changed.any()
        assert not (changed & ~along(NOT_ON_THE_GROUND[reason], 14.0)).any()


def test_a_boolean_says_fictitious_as_well_as_a_word(tmp_path):
    delivery = write_v3_gpkg(tmp_path / "gpkg")
    assert not (mask_of(delivery).mask[along([FICTITIOUS], 8.0)] == CODES["road"]).any()
    kept = mask_of(delivery, keep=("fictitious",)).mask
    assert (kept[along([FICTITIOUS], 8.0)] == CODES["road"]).all()


@pytest.mark.parametrize("reason", sorted(DROPPED_WATER))
def test_water_that_is_none_is_drawn_only_if_its_reason_is_kept(v3, late, reason):
    pixels = inside(DROPPED_WATER[reason].shape)
    assert not (late.mask[pixels] == CODES["water"]).any()
    assert (mask_of(v3, keep=(reason,)).mask[pixels] == CODES["water"]).all()


@pytest.mark.parametrize(
    ("road", "width_m"), [(0, 6.0), (1, 10.5), (2, 9.0), (3, 2.5), (4, 3.5), (5, 2.0)]
)
def test_roads_are_as_wide_as_their_field_or_their_kind(early, late, road, width_m):
    expected = along([ROADS[road]], width_m)
    near = along([ROADS[road]], 30.0)
    near &= ~along([item for index, item in enumerate(ROADS) if index != road], 16.0)
    for mask, _ in (early, late):
        drawn = mask == CODES["road"]
        assert (drawn[near] == expected[near]).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('values = ["Autoroute", "Quasi-autoroute", "Type autoroutier"]\ndefault_m = 10.5',
         'values = ["Autoroute", "Quasi-autoroute", "Type autoroutier"]\ndefault_m = 0.1'),
        ("lane_m = 3.0\nleast_m = 3.5\n", ""),
        ('[widths.road]\nfield = "width"\n', "[widths.road]\n"),
        ("lane_m = 4.0\n", ""),
    ],
    ids=["kind", "lanes", "field", "tracks"],
)  # fmt: skip
def test_each_rule_for_widths_changes_both_masks(tmp_path, v2, v3, early, late, old, new):
    classes = edited(tmp_path, old, new)
    for delivery, plain in ((v2, early), (v3, late)):
        assert (plain.mask != mask_of(delivery, classes=classes).mask).any()


def test_a_width_of_zero_is_not_drawn_as_zero(tmp_path, v2, early):
    motorway = along([ROADS[1]], 10.0)
    assert (early.mask[motorway] == CODES["road"]).all()
    classes = edited(tmp_path, "default_m = 10.5", "default_m = 0.0")  # the width as it stands
    assert not (mask_of(v2, classes=classes).mask[motorway] == CODES["road"]).all()


def test_one_width_for_all_lines_is_a_setting(v3):
    drawn = mask_of(v3, line_width_m=4.0).mask == CODES["road"]
    alone = along(ROADS, 40.0) & ~along(
        [item for items in NOT_ON_THE_GROUND.values() for item in items], 30.0
    )
    assert (drawn[alone] == along(ROADS, 4.0)[alone]).all()


@pytest.mark.parametrize(
    ("layer", "old"),
    [
        ("PLAN_D_EAU", 'names = ["SURFACE_HYDROGRAPHIQUE"'),
        ("HAIE", 'names = ["ZONE_VEGETATION"'),
        ("AERODROME", 'names = ["PISTE_AERODROME"'),
        ("TRONCON_HYDROGRAPHIQUE", 'names = ["SURFACE_HYDROGRAPHIQUE"'),
    ],
)
def test_layers_that_repeat_others_are_ignored_and_listed(tmp_path, v3, late, layer, old):
    assert any(layer in label for label in late.report.unmapped_layers)
    with_it = mask_of(v3, classes=edited(tmp_path, old, f'{old}, "{layer}"')).mask
    changed = late.mask != with_it
    assert changed.any()
    assert not (changed & ~inside(NO_GROUND[layer].shape, margin_m=8)).any()


@pytest.mark.parametrize(
    ("option", "layer"),
    [("car-parks", "SURFACE_ROUTE"), ("light-buildings", "CONSTRUCTION_LEGERE")],
)
def test_an_option_of_the_mapping_draws_what_is_off_by_default(v2, early, option, layer):
    pixels = inside(NO_GROUND[layer].shape)
    plain, chosen = early.mask, mask_of(v2, mapping_options=(option,)).mask
    assert (plain[pixels] == 0).all()
    assert (chosen[pixels] != 0).all()
    np.testing.assert_array_equal(plain[~pixels], chosen[~pixels])


def test_unknown_kinds_are_drawn_as_the_layers_class_and_counted(tmp_path, v3, early, late):
    for mask, report in (early, late):
        assert (mask[inside(IGLOO.shape)] == CODES["building"]).all()
        unknown = {key: n for item in report.layers for key, n in item.unknown_values.items()}
        assert unknown["Igloo"] == 1
    names = 'names = ["BATI_REMARQUABLE", "BATIMENT"]\n'
    classes = edited(tmp_path, f'{names}land_class = "building"\n', names)
    assert (mask_of(v3, classes=classes).mask[inside(IGLOO.shape)] == 0).all()


def test_a_polygon_that_crosses_itself_keeps_all_its_parts(v3, late, monkeypatch):
    mended = shapely.make_valid(STAR)
    near = inside(shapely.box(*STAR.bounds))
    drawn = (late.mask == CODES["building"])[near]
    assert abs(drawn.sum() * PIXEL_M**2 - mended.area) < 0.05 * mended.area
    monkeypatch.setattr(shapely, "make_valid", lambda shapes: shapely.buffer(shapes, 0))
    assert (mask_of(v3).mask != late.mask)[near].any()


def test_version_2_in_lambert_2_lands_within_half_a_pixel(tmp_path, early):
    plain = early.mask
    moved = mask_of(write_v2(tmp_path / "l2e", crs="EPSG:27572")).mask
    assert (plain != moved).mean() < 0.01
    _differ_only_at_edges(plain, moved)
    drawn = moved == CODES["water"]
    rows, cols = np.nonzero(drawn & inside(LAKE, margin_m=10))
    expected_rows, expected_cols = np.nonzero(inside(LAKE))
    assert abs(rows.mean() - expected_rows.mean()) < 0.25
    assert abs(cols.mean() - expected_cols.mean()) < 0.25


def test_vectors_without_crs_are_refused_until_it_is_given(tmp_path, early):
    delivery = write_v2(tmp_path / "l2e", crs="EPSG:27572", prj=False)
    with pytest.raises(MissingCrsError, match="--vector-crs"):
        mask_of(delivery)
    right = mask_of(delivery, vector_crs="EPSG:27572").mask
    _differ_only_at_edges(early.mask, right)


def test_a_layer_that_is_missing_leaves_its_classes_empty_and_is_named(tmp_path):
    delivery = write_v2(tmp_path / "v2")
    for part in (delivery / V2_TREE / "E_BATI").glob("BATI_REMARQUABLE.*"):
        part.unlink()
    mask, report = mask_of(delivery)
    gone = {CODES[name] for name in ("church", "tower", "fort", "castle")}
    assert set(np.unique(mask)) == {0, NO_COVERAGE, *CODES.values()} - gone
    (warning,) = report.warnings
    assert warning.startswith(
        "the v2 delivery has no layer for these classes, which stay empty: ch"
    )


def test_both_versions_in_one_folder_are_refused(tmp_path):
    write_v2(tmp_path / "both")
    write_v3(tmp_path / "both")
    with pytest.raises(ConfigurationError, match=r"two editions, v2 \(layer .*\) and v3 "):
        mask_of(tmp_path / "both")


def test_the_world_changed_as_it_says(early, late):
    assert (early.mask[inside(GONE)] == CODES["church"]).all()
    assert (late.mask[inside(GONE)] == 0).all()


def test_the_mapping_that_the_tests_edit_is_the_built_in_one():
    assert class_mapping.mapping_text("bdtopo") == MAPPING


def _differ_only_at_edges(one: Mask, other: Mask) -> None:
    """Every pixel has its class in the other mask at most one pixel away."""
    for mask, near in ((one, other), (other, one)):
        padded = np.pad(near, 1, mode="edge")
        windows = [
            padded[row : row + SIDE_PX, col : col + SIDE_PX] for row in range(3) for col in range(3)
        ]
        assert np.any([window == mask for window in windows], axis=0).all()
