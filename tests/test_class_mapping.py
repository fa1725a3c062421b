from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Polygon, box

from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.class_mapping import (
    BUILT_IN,
    parse_mapping,
    read_mapping,
    with_choices,
)
from aerialret.ingestion.vectors.class_rules import class_code
from aerialret.ingestion.vectors.classify import NO_CLASS, classify
from aerialret.ingestion.vectors.folding import fold, repair_encoding
from aerialret.tiles.palette import CLASSES, CODES

BDTOPO = read_mapping("bdtopo")
OSM = read_mapping("osm")
SQUARE, LINE = box(0, 0, 2, 3), LineString([(0, 0), (5, 1)])

# DOMAIN: the twelve classes, layer and NATURE by edition.
BDTOPO_TABLE = [
    ("ROUTE", "Route à 1 chaussée", "road"),
    ("troncon_route", "Chemin", "road"),
    ("TRONCON_DE_ROUTE", "Type autoroutier", "road"),
    ("troncon_de_route", "Bac ou liaison maritime", None),
    ("BATI_REMARQUABLE", "Eglise", "church"),
    ("BATI_REMARQUABLE", "Église", "church"),
    ("BATI_REMARQUABLE", "Chapelle", "church"),
    ("BATI_REMARQUABLE", "Bâtiment religieux divers", "church"),
    ("BATIMENT", "Chapelle", "church"),
    ("BATI_REMARQUABLE", "Tour, donjon, moulin", "tower"),
    ("batiment", "Tour, donjon", "tower"),
    ("batiment", "Tour/donjon", "tower"),
    ("BATIMENT", "Moulin à vent", "tower"),
    ("BATI_REMARQUABLE", "Fort, blockhaus, casemate", "fort"),
    ("BATIMENT", "Fort, blockhaus, casemate", "fort"),
    ("BATI_REMARQUABLE", "Château", "castle"),
    ("BATIMENT", "ChÃ¢teau", "castle"),
    ("BATI_INDIFFERENCIE", None, "building"),
    ("BATI_INDUSTRIEL", "Bâtiment industriel", "building"),
    ("BATI_REMARQUABLE", "Mairie", "building"),
    ("BATIMENT", "Indifférenciée", "building"),
    ("BATIMENT", "Industriel, agricole ou commercial", "building"),
    ("BATIMENT", "Arc de triomphe", "building"),
    ("SURFACE_EAU", "Bassin", "water"),
    ("SURFACE_HYDROGRAPHIQUE", "Ecoulement naturel", "water"),
    ("SURFACE_HYDROGRAPHIQUE", "Écoulement naturel", "water"),
    ("SURFACE_HYDROGRAPHIQUE", "Conduit buse", None),
    ("SURFACE_HYDROGRAPHIQUE", "Conduit forcé", None),
    ("SURFACE_HYDROGRAPHIQUE", "Glacier, névé", None),
    ("TERRAIN_SPORT", "Terrain de tennis", "sport"),
    ("TERRAIN_DE_SPORT", "Grand terrain de sport", "sport"),
    ("CIMETIERE", "Militaire", "cemetery"),
    ("ZONE_VEGETATION", "Bois", "vegetation"),
    ("ZONE_DE_VEGETATION", "Haie", "vegetation"),
    ("PISTE_AERODROME", "Piste en dur", "airport"),
    ("PISTE_D_AERODROME", "Piste en herbe", "airport"),
    ("TRONCON_VOIE_FERREE", "Principale", "rail"),
    ("TRONCON_DE_VOIE_FERREE", "LGV", "rail"),
    ("BDTOPO_V3:cimetiere", "Civil", "cemetery"),
]


def _class_of(mapping, layer: str, geometry=SQUARE, **values) -> str | None:
    rule = mapping.rule_for(layer, fields=list(values))
    assert rule, layer
    columns = {}
    for meaning in {*mapping.fields, *values}:
        name = mapping.column(meaning, fields=list(values))
        if name:
            columns[meaning] = pd.Series([values[name]], dtype=object)
    found = classify(columns, np.array([geometry]), rule=rule, drops=mapping.drop)
    code = int(found.codes[0])
    return next((item.name for item in CLASSES if item.code == code), None)


@pytest.mark.parametrize(("layer", "nature", "expected"), BDTOPO_TABLE)
def test_bdtopo_layers_become_the_classes_of_the_published_table(layer, nature, expected):
    values = {} if nature is None else {"NATURE": nature}
    assert _class_of(BDTOPO, layer, **values) == expected


@pytest.mark.parametrize(
    "layer",
    [
        "SURFACE_ROUTE", "CONSTRUCTION_LEGERE", "RESERVOIR", "CONSTRUCTION_SURFACIQUE",
        "PLAN_D_EAU", "COURS_D_EAU", "TRONCON_COURS_EAU", "TRONCON_HYDROGRAPHIQUE", "HAIE",
        "AERODROME", "PARC_OU_RESERVE", "FORET_PUBLIQUE", "dalles",
    ],
)  # fmt: skip
def test_bdtopo_leaves_out_what_is_off_by_default(layer):
    assert BDTOPO.rule_for(layer, fields=["NATURE"]) is None


def test_communes_tell_where_bdtopo_is_complete():
    assert BDTOPO.is_coverage("commune")
    assert not BDTOPO.is_coverage("BATIMENT")


@pytest.mark.parametrize(
    ("field", "value", "drawn"),
    [
        ("POS_SOL", -1, False),
        ("POS_SOL", 0, True),
        ("position_par_rapport_au_sol", "-2", False),
        ("position_par_rapport_au_sol", "Gué ou radier", True),
        ("position_p", "-1", False),  # cut by a shapefile
        ("pos_sol", "1", True),
        ("FRANCHISST", "Tunnel", False),
        ("FRANCHISST", "Pont", True),
        ("ETAT", "En projet", False),
        ("etat_de_l_objet", "En construction", False),
        ("etat_de_l_objet", "En ruine", True),
        ("FICTIF", "Oui", False),
        ("fictif", True, False),
        ("fictif", False, True),
        ("FICTIF", 1, False),
        ("FICTIF", None, True),
    ],
)
def test_what_is_not_on_the_ground_is_dropped(field, value, drawn):
    found = _class_of(BDTOPO, "TRONCON_DE_ROUTE", LINE, NATURE="Chemin", **{field: value})
    assert found == ("road" if drawn else None)


def test_unknown_values_get_the_layers_class_and_are_counted():
    rule = BDTOPO.rule_for("BATIMENT", fields=["NATURE"])
    kinds = pd.Series(["Igloo", "Silo", "Igloo", "Eglise", None], dtype=object)
    found = classify({"kind": kinds}, np.array([SQUARE] * 5), rule=rule, drops=BDTOPO.drop)
    assert found.codes.tolist() == [6, 6, 6, 2, 6]
    assert found.unknown == {"Igloo": 2, "(empty)": 1}


@pytest.mark.parametrize(
    ("values", "geometry", "expected"),
    [
        ({"highway": "residential"}, LINE, "road"),
        ({"highway": "proposed"}, LINE, None),
        ({"highway": "service"}, SQUARE, None),
        ({"building": "church"}, SQUARE, "church"),
        ({"building": "yes", "amenity": "place_of_worship"}, SQUARE, "church"),
        ({"building": None, "amenity": "place_of_worship"}, SQUARE, None),
        ({"man_made": "tower", "building": None}, SQUARE, "tower"),
        ({"historic": "tower", "building": "yes"}, SQUARE, "tower"),
        ({"military": "bunker"}, SQUARE, "fort"),
        ({"building": "bunker"}, SQUARE, "fort"),
        ({"historic": "castle"}, SQUARE, "castle"),
        ({"building": "manor"}, SQUARE, "castle"),
        ({"building": "house"}, SQUARE, "building"),
        ({"building": "no"}, SQUARE, None),
        ({"natural": "water"}, SQUARE, "water"),
        ({"landuse": "basin"}, SQUARE, "water"),
        ({"leisure": "swimming_pool"}, SQUARE, "sport"),
        ({"landuse": "cemetery"}, SQUARE, "cemetery"),
        ({"amenity": "grave_yard"}, SQUARE, "cemetery"),
        ({"landuse": "vineyard"}, SQUARE, "vegetation"),
        ({"natural": "scrub"}, SQUARE, "vegetation"),
        ({"aeroway": "runway"}, LINE, "airport"),
        ({"aeroway": "apron"}, SQUARE, "airport"),
        ({"railway": "narrow_gauge"}, LINE, "rail"),
        ({"railway": "abandoned"}, LINE, None),
        ({"railway": "rail", "tunnel": "yes"}, LINE, None),
    ],
)
def test_osm_tags_become_the_classes_of_the_published_table(values, geometry, expected):
    assert _class_of(OSM, "any_layer", geometry, **values) == expected


def test_geofabrik_layers_are_known_by_name():
    assert (
        _class_of(OSM, "gis_osm_buildings_a_free_1", fclass="building", type="house") == "building"
    )
    assert (
        _class_of(OSM, "gis_osm_buildings_a_free_1", fclass="building", type="chapel") == "church"
    )
    assert _class_of(OSM, "gis_osm_roads_free_1", LINE, fclass="track_grade2") == "road"
    assert _class_of(OSM, "gis_osm_roads_free_1", LINE, fclass="steps") is None
    assert _class_of(OSM, "gis_osm_landuse_a_free_1", fclass="forest") == "vegetation"


def test_an_osm_layer_without_tags_has_no_class():
    assert OSM.rule_for("parcels", fields=["id", "owner"]) is None


def test_features_that_no_case_names_say_so():
    rule = OSM.rule_for("x", fields=["highway"])
    found = classify({"highway": pd.Series(["platform"])}, np.array([LINE]), rule=rule, drops=())
    assert found.reasons.tolist() == [NO_CLASS]


@pytest.mark.parametrize(
    ("layer", "values", "expected"),
    [
        ("road", {"width": 6.5, "kind": "Chemin"}, 6.5),
        ("road", {"width": "6,5 m", "kind": "Chemin"}, 6.5),
        ("road", {"width": 0.0, "kind": "Chemin"}, 2.5),
        ("road", {"width": None, "kind": "Chemin"}, 2.5),
        ("road", {"width": float("nan"), "kind": "Sentier"}, 1.5),
        ("road", {"kind": "Type autoroutier"}, 10.5),
        ("road", {"kind": "Quasi-autoroute", "lanes": 2}, 10.5),
        ("road", {"kind": "Route à 2 chaussées"}, 7.0),
        ("road", {"kind": "Bretelle"}, 5.0),
        ("road", {"kind": "Rond-point"}, 6.0),
        ("road", {"kind": "Route à 1 chaussée", "lanes": 2}, 6.0),
        ("road", {"kind": "Route à 1 chaussée", "lanes": "1"}, 3.5),
        ("road", {"kind": "Route à 1 chaussée", "lanes": None}, 4.5),
        ("road", {"kind": "Route empierrée"}, 3.5),
        ("road", {"kind": "Piste cyclable"}, 2.0),
        ("road", {}, 4.5),
        ("rail", {"width": "Normale", "lanes": 2}, 8.0),
        ("rail", {"width": "Etroite", "lanes": 0}, 4.0),
        ("rail", {}, 4.0),
        ("water", {"river_width": "Entre 5 et 15 m"}, 10.0),
    ],
)
def test_lines_are_as_wide_as_the_attribute_or_the_fallback(layer, values, expected):
    columns = {meaning: pd.Series([value], dtype=object) for meaning, value in values.items()}
    rule = BDTOPO.width_of(CODES[layer])
    assert rule.metres(columns, count=1).tolist() == [expected]


def test_osm_widths_count_lanes_before_kinds():
    rule = OSM.width_of(CODES["road"])
    columns = {
        "width": pd.Series(["5", None, None, "narrow"], dtype=object),
        "lanes": pd.Series([4, "2", None, None], dtype=object),
        "road_kind": pd.Series(["motorway"] * 3 + ["path"], dtype=object),
    }
    assert rule.metres(columns, count=4).tolist() == [5.0, 6.0, 10.5, 1.5]


def test_a_fixed_width_overrules_the_attribute():
    mapping = parse_mapping("[widths.road]\nfield = 'width'\nfixed_m = 2.8\n", origin="mine")
    columns = {"width": pd.Series([7.0])}
    assert mapping.width_of(1).metres(columns, count=1).tolist() == [2.8]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Eglise", "ÉGLISE"),
        ("Tour, donjon", "Tour/donjon"),
        ("Surface d'eau", "Surface  d’eau"),
        ("Château", "ChÃ¢teau"),
        ("Église", "Ã\x89glise"),
        ("Église", "Ã‰glise"),
        ("Cha\u0302teau", "Château"),
        ("Cœur", "COEUR"),
    ],
)
def test_variants_of_a_spelling_fold_to_one_key(one, other):
    assert fold(one) == fold(other)


def test_folding_keeps_different_values_apart():
    values = [value for _, value, _ in BDTOPO_TABLE if value]
    assert fold("Route à 1 chaussée") != fold("Route à 2 chaussées")
    assert len({fold(value) for value in values}) > 25


def test_text_that_is_no_broken_encoding_stays():
    assert repair_encoding("São Paulo") == "São Paulo"
    assert repair_encoding("Ãbc") == "Ãbc"


@pytest.mark.parametrize("text", ["building", "Bâtiment indifférencié", "6", "BUILDING"])
def test_a_class_goes_by_name_french_name_or_code(text):
    assert class_code(text) == 6


def test_an_unknown_class_lists_the_legal_ones():
    with pytest.raises(ConfigurationError, match=r"'house' is no class.*1 road.*12 rail"):
        class_code("house")


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_mappings_paint_all_twelve_classes(name):
    mapping = read_mapping(name)
    painted = {rule.land_class for rule in mapping.layers}
    painted |= {case.land_class for rule in mapping.layers for case in rule.cases}
    assert painted - {""} == {item.name for item in CLASSES}


def test_a_mapping_may_be_a_file_of_ones_own(tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[[layers]]\nnames = ["Forêt_*"]\nland_class = "vegetation"\n'
    )
    mapping = read_mapping("mine.toml", base=tmp_path)
    assert mapping.rule_for("FORÊT_2", fields=[]).land_class == "vegetation"
    assert mapping.rule_for("ROUTE", fields=[]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers = 3", "layers"),
        ("[[layer]]", r"unknown key 'layer'; did you mean 'layers'"),
        ('[[layers]]\nnames=["A"]\nland_clas="road"', r"unknown key 'layers.land_clas'"),
        ('[[layers]]\nnames=["A"]\nland_class="house"', r"'house' is no class"),
        ('[[layers]]\nnames=["A"]\n[[layers.cases]]\nwhere={k=["v"]}', "either land_class or drop"),
        ("[widths.street]\ndefault_m = 3.0", r"'street' is no class"),
        ("x = = 1", "not valid TOML"),
    ],
)
def test_an_illegal_mapping_names_the_key(text, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_mapping(text, origin="mine")


def test_a_mapping_that_is_not_there_names_the_built_in_ones():
    with pytest.raises(ConfigurationError, match=r"'bdtop' is neither built in \(bdtopo, osm\)"):
        read_mapping("bdtop", base=Path("/nowhere"))


def test_two_editions_are_recognised_by_their_layers():
    assert BDTOPO.editions_of(["route", "BATIMENT", "x"]) == {"v2": "route", "v3": "BATIMENT"}
    assert BDTOPO.editions_of(["TRONCON_DE_ROUTE", "CIMETIERE"]) == {"v3": "TRONCON_DE_ROUTE"}


def test_fields_are_found_in_any_case_and_cut_to_ten_letters():
    assert BDTOPO.column("width", fields=["ID", "Largeur"]) == "Largeur"
    assert BDTOPO.column("width", fields=["largeur_de"]) == "largeur_de"
    assert BDTOPO.column("width", fields=["large"]) is None
    assert BDTOPO.column("anything", fields=["ANYTHING"]) == "ANYTHING"


def test_a_polygon_with_a_hole_is_a_polygon():
    holed = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(2, 2), (3, 2), (3, 3), (2, 3)]])
    assert _class_of(OSM, "x", holed, building="yes") == "building"


@pytest.mark.parametrize(
    ("option", "layer", "values", "without", "with_it"),
    [
        ("religious-use", "BATIMENT", {"NATURE": "Indifférenciée", "USAGE1": "Religieux"},
         "building", "church"),
        ("religious-use", "batiment", {"nature": "Château", "usage_1": "Religieux"},
         "castle", "castle"),
        ("reservoirs", "RESERVOIR", {"NATURE": "Château d'eau"}, None, "building"),
        ("light-buildings", "CONSTRUCTION_LEGERE", {}, None, "building"),
        ("no-light-buildings", "BATIMENT", {"NATURE": "Serre", "LEGER": "Oui"}, "building", None),
        ("no-light-buildings", "BATIMENT", {"NATURE": "Serre", "LEGER": "Non"},
         "building", "building"),
        ("car-parks", "SURFACE_ROUTE", {"NATURE": "Parking"}, None, "road"),
        ("water-lines", "TRONCON_COURS_EAU", {"ARTIF": "Non"}, None, "water"),
        ("water-lines", "troncon_hydrographique", {"fictif": True}, None, None),
        ("aerodromes", "AERODROME", {"NATURE": "Aérodrome"}, None, "airport"),
        ("no-disused-rails", "TRONCON_DE_VOIE_FERREE", {"NATURE": "Sans objet"}, "rail", None),
        ("no-disused-rails", "TRONCON_VOIE_FERREE", {"NATURE": "Principale"}, "rail", "rail"),
    ],
)  # fmt: skip
def test_an_option_changes_its_own_features_only(option, layer, values, without, with_it):
    fields = list(values)
    before = _class_of(BDTOPO, layer, **values) if BDTOPO.rule_for(layer, fields=fields) else None
    assert before == without
    assert _class_of(with_choices(BDTOPO, options=[option]), layer, **values) == with_it


def test_every_option_of_bdtopo_changes_the_rules_and_says_what_it_does():
    assert len(BDTOPO.options) >= 8
    for name, option in BDTOPO.options.items():
        assert option.title
        assert with_choices(BDTOPO, options=[name]).layers != BDTOPO.layers


@pytest.mark.parametrize(
    ("reason", "layer", "values"),
    [
        ("under construction", "ROUTE", {"ETAT": "En construction"}),
        ("planned", "TRONCON_DE_ROUTE", {"etat_de_l_objet": "En projet"}),
        ("underground", "ROUTE", {"POS_SOL": -1}),
        ("underground", "ROUTE", {"FRANCHISST": "Tunnel"}),
        ("fictitious", "SURFACE_HYDROGRAPHIQUE", {"FICTIF": "Oui"}),
        ("ferry", "ROUTE", {"NATURE": "Bac auto"}),
        ("marsh", "SURFACE_HYDROGRAPHIQUE", {"NATURE": "Marais"}),
        ("in a pipe", "SURFACE_HYDROGRAPHIQUE", {"NATURE": "Conduit busé"}),
        ("ice", "SURFACE_HYDROGRAPHIQUE", {"NATURE": "Glacier, névé"}),
    ],
)
def test_a_reason_that_is_kept_drops_nothing_and_the_others_stay(reason, layer, values):
    kept = with_choices(BDTOPO, keep=[reason])
    expected = "road" if "ROUTE" in layer else "water"
    assert _class_of(BDTOPO, layer, **values) is None
    assert _class_of(kept, layer, **values) == expected
    assert set(BDTOPO.reasons) - set(kept.reasons) == {reason}


def test_one_width_is_that_of_all_lines():
    fixed = with_choices(BDTOPO, line_width_m=2.8)
    columns = {"width": pd.Series([7.0]), "kind": pd.Series(["Autoroute"])}
    for code in range(1, 13):
        assert fixed.width_of(code).metres(columns, count=1).tolist() == [2.8]
    assert BDTOPO.width_of(1).metres(columns, count=1).tolist() == [7.0]


def test_no_choice_is_the_mapping_itself():
    assert with_choices(BDTOPO) == BDTOPO


def test_a_choice_that_the_mapping_does_not_know_lists_the_known_ones():
    with pytest.raises(
        ConfigurationError, match=r"keep names 'ferries', .* has: ferry, fictitious"
    ):
        with_choices(BDTOPO, keep=["ferries"])
    with pytest.raises(ConfigurationError, match=r"mapping_options names 'rivers', .*water-lines"):
        with_choices(BDTOPO, options=["rivers"])
    with pytest.raises(ConfigurationError, match=r"has: none"):
        with_choices(OSM, options=["rivers"])


def test_the_fields_that_tell_an_encoding_are_whole_and_cut():
    assert {"nature", "etat_de_l_objet", "etat_de_l_", "position_p"} <= BDTOPO.text_fields
    assert "toponyme" not in BDTOPO.text_fields
