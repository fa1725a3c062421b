"""Service entries say what they name, and are told from paths."""

import pytest

from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.class_mapping import read_mapping
from aerialret.services.entries import is_rectangle, is_service, parse_entry
from aerialret.services.presets import presets


@pytest.mark.parametrize(
    "path", ["a.tif", "C:/ortho/*.jp2", "C:\\x", "roads.shp=road", "http://h/a.tif", "", "a:b"]
)
def test_paths_are_no_services(path: str) -> None:
    assert not is_service(path)


def test_an_entry_keeps_its_options_apart_from_what_it_passes_on() -> None:
    entry = parse_entry("wms+https://h/p?Layers=a,b&GSD=0.5&map=/x.map&crs=EPSG:2154&time=")
    assert (entry.kind, entry.url) == ("wms", "https://h/p")
    assert entry.names("layers") == ("a", "b")
    assert entry.number("gsd") == 0.5
    assert entry.params == {"map": "/x.map", "time": ""}


@pytest.mark.parametrize(
    ("text", "name", "types"),
    [
        ("wfs+https://h/p?typenames=a=building", "building", "a"),
        ("wfs+https://h/p?map=x&typenames=a,b=road", "road", "a,b"),
        ("wfs+https://h/p?map=x&typenames=a", "", "a"),
        ("wfs+https://h/p?typenames=a&cql_filter=x%3D1", "", "a"),
    ],
)
def test_a_class_stands_behind_an_entry(text: str, name: str, types: str) -> None:
    entry = parse_entry(text)
    assert (entry.class_name, entry.option("typenames")) == (name, types)
    assert parse_entry("ign:bdtopo=building").class_name == "building"


def test_an_entry_that_does_not_say_what_to_take_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="add layers=NAME"):
        parse_entry("wms+https://h/p?layer=a")
    with pytest.raises(ConfigurationError, match="gsd is '1m'"):
        parse_entry("wms+https://h/p?layers=a&gsd=1m").number("gsd")


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'ign:ortho-2000-2005'"):
        parse_entry("ign:ortho-2000-2006")
    with pytest.raises(ConfigurationError, match="known: pdok:ortho25-YEAR"):
        parse_entry("pdok:ortho25-1999")


def test_every_preset_can_be_parsed_and_has_a_licence() -> None:
    assert len(presets()) > 50
    for name in presets():
        entry = parse_entry(name)
        assert is_service(name)
        assert entry.licence
        assert entry.title
        assert entry.requests_per_s > 0
        assert "{" not in entry.url + "".join(entry.options.values())


def test_years_and_periods_name_the_layers_of_the_geoplateforme() -> None:
    def layers(name: str) -> str:
        return parse_entry(name).option("layers")

    assert layers("ign:ortho-2019") == "ORTHOIMAGERY.ORTHOPHOTOS2019"
    assert layers("ign:ortho-2000-2005") == "ORTHOIMAGERY.ORTHOPHOTOS2000-2005"
    assert layers("ign:ortho-1950-1965") == "ORTHOIMAGERY.ORTHOPHOTOS.1950-1965"
    assert parse_entry("ign:ortho-2000").kind == "wmts"
    assert "GRAPHE.2000-2005:" in parse_entry("ign:dates-2000-2005").option("typenames")
    assert layers("pdok:ortho25-2020") == "2020_ortho25"


def test_an_area_of_numbers_is_told_from_a_file() -> None:
    assert is_rectangle("1,2.5,-3,1e6")
    assert not is_rectangle("area.gpkg")
    assert not is_rectangle("")


def test_bdtopo_is_what_the_class_mapping_draws_and_its_coverage() -> None:
    entry, mapping = parse_entry("ign:bdtopo"), read_mapping("bdtopo")
    names = [name.rpartition(":")[2] for name in entry.names("typenames")]
    rules = [mapping.rule_for(name, fields=()) for name in names]
    assert None not in rules
    edition = [names for names in mapping.layers if names in rules]
    assert len(edition) == len(set(names)) == len(rules)
    left_out = {name for rule in mapping.layers if rule not in rules for name in rule.names}
    assert left_out == {"BATI_INDIFFERENCIE", "BATI_INDUSTRIEL", "SURFACE_EAU"}  # those of v2
    assert mapping.is_coverage(entry.option("coverage").rpartition(":")[2])
