"""A model's card says what it is, from what it was made and how to load it, in the same bytes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyproj
import pytest

from aerialret.config import EvaluateConfig, ModelConfig, Pipeline, TrainConfig, as_plain
from aerialret.errors import NotAnArtefactError, StaleArtefactError
from aerialret.evaluation.evaluate import evaluate
from aerialret.manifest import Manifest, hash_file, read_manifest
from aerialret.network.checkpoint import WEIGHTS_NAME, load_model
from aerialret.network.importing.import_model import import_model
from aerialret.network.importing.sources import SourceWeights
from aerialret.network.model_card import (
    CARD_NAME,
    CardFacts,
    DateSources,
    FigureRow,
    ReportFigures,
    render_card,
    write_model_card,
)
from aerialret.network.model_card.facts import FACTS_NAME, FIGURES
from aerialret.tiles.grid import Bounds
from aerialret.tiles.tileset import date_folder, grid_facts
from aerialret.wholeness import damage
from tests.test_cli import Cli, cli  # noqa: F401  (a fixture)
from tests.test_model_import import torchvision_state
from tests.tiny_tileset import tiny_grid, tiny_model, tiny_tileset

yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter; timm brings it")

PLAIN = ModelConfig(
    input="image", backbone="resnet18", trunk="layer3", weights="none", head="average"
)


def manifest(config: ModelConfig = PLAIN, **facts: Any) -> Manifest:
    return Manifest(
        kind="model",
        format_version=1,
        content_hash="ab" * 32,
        parents={"tile_set": "cd" * 32},
        configuration={
            "model": as_plain(config), "train": as_plain(TrainConfig(epochs=20)),
            "split": as_plain(Pipeline().split),
        },
        facts={
            "grid": grid_facts(tiny_grid()),
            "dates": {"query": "2019", "gallery": "2004"},
            "places": {"buffer": 30, "test": 1200, "train": 600, "val": 100},
            "training": {
                "epochs": 20, "best_epoch": 17, "best_map5": 0.8125, "train_places": 600,
                "val_places": 100,
            },
            **facts,
        },
        versions={"aerialret": "0.1.0", "torch": "2.15.0"},
    )  # fmt: skip


def card(made: Manifest | None = None, facts: CardFacts | None = None, **changes: Any) -> str:
    given: dict[str, Any] = {"length": 256, "weights_sha256": "ef" * 32, **changes}
    return render_card(made or manifest(), facts=facts or CardFacts(), **given)


def front_matter(text: str) -> dict[str, Any]:
    empty, head, _ = text.split("---\n", 2)
    assert empty == ""
    fields: dict[str, Any] = yaml.safe_load(head)
    return fields


def test_the_card_says_what_the_manifest_knows() -> None:
    extent = Bounds(left=900_000, bottom=6_799_000, right=902_560, top=6_800_000)
    text = card(extent=extent)
    for told in (
        "resnet18 to layer3, average pooling", "R = 256, compared by cosine similarity",
        "64 m, 32 px", "20 epochs on 600 places, weights of epoch 17", "cd" * 32,
        "2019 asked, 2004 searched", "EPSG:2154", "train 600, val 100, test 1,200, buffer 30",
        "x 900000 to 902560, y 6799000 to 6800000 (2.56 x 1 km)",
        "Validation map@5 0.812 at epoch 17, on 100 places", "SHA-256 `" + "ef" * 32,
        "ab" * 32, "aerialret 0.1.0, torch 2.15.0", "not calibrated", "about 2 m a pixel",
        'aerialret.load_model("path/to/this/folder")', "float32 [n, 256]",
    ):  # fmt: skip
        assert told in text, told
    assert "baseline" not in text
    assert "None" not in text


def test_the_front_matter_is_that_of_a_hub() -> None:
    fields = front_matter(card())
    assert fields["library_name"] == "aerialret"
    assert fields["license"] == "unknown"
    assert fields["tags"] == sorted({*fields["tags"], "aerial-imagery", "resnet18"})
    hub = pytest.importorskip("huggingface_hub", reason="the hub's own reader is the oracle")
    data = hub.ModelCard(card()).data
    assert (data.library_name, data.license, data.tags) == (
        "aerialret", "unknown", fields["tags"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("etalab-2.0", {"license": "etalab-2.0"}),
        ("CC-BY-4.0", {"license": "cc-by-4.0"}),
        ("Licence of: Ours", {"license": "other", "license_name": "licence-of:-ours"}),
    ],
)
def test_a_licence_that_the_hub_does_not_know_is_named(
    licence: str, expected: dict[str, str]
) -> None:
    text = card(facts=CardFacts(licence=licence))
    fields = front_matter(text)
    assert {k: v for k, v in fields.items() if k.startswith("license")} == expected
    assert f"The model: {licence}." in text
    assert "licences of the imagery" in text


def test_an_unknown_licence_says_whom_to_ask() -> None:
    text = card()
    assert "Unknown" in text.split("## Licence")[1]
    assert "ask their publishers" in text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (ModelConfig(method="hog", input="image"), "8 gradient directions in 16 x 16 cells"),
        (ModelConfig(method="bow-sift", input="image", words=1500), "1,500 visual words on SIFT"),
        (ModelConfig(method="colour-histogram", input="image"), "histogram of colours"),
        (ModelConfig(fusion="late"), "masks as grey, fusion late"),
        (replace(PLAIN, distance="euclidean"), "Euclidean distance"),
        (replace(PLAIN, normalisation="standardised", whitening=True), "(standardised, whitened)"),
        (replace(PLAIN, transformer="getnet"), "behind a spatial transformer"),
        (replace(PLAIN, weights="/home/me/secret/w.pth"), "| Initial weights | w.pth |"),
    ],
)
def test_each_method_is_described(config: ModelConfig, told: str) -> None:
    text = card(manifest(config))
    assert told in text
    assert "/home/" not in text


def test_a_long_name_of_a_crs_is_shortened() -> None:
    grid = {**grid_facts(tiny_grid()), "crs": pyproj.CRS("EPSG:2154").to_wkt()}
    assert "| CRS | RGF93 v1 / Lambert-93 |" in card(manifest(grid=grid))


def test_a_bar_in_a_name_does_not_end_its_cell() -> None:
    sources = (DateSources(date="2004", tiles=3, layers=("a|b.gpkg",)),)
    text = card(facts=CardFacts(sources=sources))
    assert "| 2004 | 3 | - | a\\|b.gpkg | - |" in text


def test_a_model_that_nobody_measured_says_so() -> None:
    untrained = {"epochs": 0, "best_epoch": 0, "best_map5": None, "train_places": 0}
    text = card(manifest(training=untrained))
    assert "Not measured yet" in text
    assert "not trained on aerial imagery" in text
    assert "| Training | none |" in text


def test_an_imported_model_names_its_source(tmp_path: Path) -> None:
    state = torchvision_state()
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    source = SourceWeights(name="timm:resnet18.a1_in1k", tensors=state)
    import_model(
        source, tmp_path / "m", pipeline=Pipeline(model=PLAIN), grid=tiny_grid(), licence="mit"
    )
    text = (tmp_path / "m" / CARD_NAME).read_text()
    assert front_matter(text)["base_model"] == "timm/resnet18.a1_in1k"
    assert front_matter(text)["license"] == "mit"
    assert source.content_hash in text
    assert "74 tensors: stem 4, layer1 20, layer2 25, layer3 25" in text
    assert "| Wrong shape | 1 tensors (initial values): trunk.stem.0.weight |" in text
    assert hash_file(tmp_path / "m" / WEIGHTS_NAME) in text
    assert damage(tmp_path / "m", read_manifest(tmp_path / "m")) is None


def test_the_card_is_no_part_of_the_content_and_the_same_twice(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles")
    folder = tiny_model(tmp_path / "m", tileset)
    before = read_manifest(folder)
    write_model_card(folder, tileset=tileset, licence="odbl")
    first = [(folder / name).read_bytes() for name in (CARD_NAME, FACTS_NAME)]
    write_model_card(folder)
    assert [(folder / name).read_bytes() for name in (CARD_NAME, FACTS_NAME)] == first
    assert read_manifest(folder) == before
    assert damage(folder, before) is None
    # 7 x 4 cells of 64 m from cell (-3, 5).
    assert "x 899808 to 900256, y 6799424 to 6799680" in first[0].decode()


def test_the_card_names_what_each_date_was_made_from(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", cols=2, rows=2)
    report = {
        "orthophotos": 12, "layers": [{"layer": "ROUTE.shp"}, {"layer": "BATI.shp"}],
        "edition": "BD TOPO 3",
    }  # fmt: skip
    path = date_folder(tileset.folder, "2019") / "date.json"
    path.write_text(json.dumps({"report": report}))
    folder = tiny_model(tmp_path / "m", tileset)
    write_model_card(folder, tileset=tileset)
    text = (folder / CARD_NAME).read_text()
    assert "| 2004 | 4 | - | - | - |" in text
    assert "| 2019 | 4 | 12 | BATI.shp, ROUTE.shp | BD TOPO 3 |" in text
    other = tiny_tileset(tmp_path / "other", cols=2, rows=2, seed=1)
    with pytest.raises(StaleArtefactError, match="name the one that it was trained on"):
        write_model_card(folder, tileset=other)


def test_reports_are_added_and_stay(tmp_path: Path) -> None:
    row = FigureRow(
        name="mild, image", queries=1234, figures=dict.fromkeys(FIGURES, 0.25) | {"map@5": None}
    )
    first = ReportFigures(
        report="2" * 64, tile_set="3" * 64, queries="2019", gallery="2004", scope="test",
        tiles=5000, rows=(row,),
    )  # fmt: skip
    second = replace(first, report="1" * 64, scope="val")
    folder = tiny_model(tmp_path / "m", tiny_tileset(tmp_path / "tiles", cols=3, rows=2))
    write_model_card(folder, reports=[first])
    assert "| mild, image | 1,234 | - | 0.250 | 0.250 |" in (folder / CARD_NAME).read_text()
    facts = write_model_card(folder, reports=[second, first])
    assert [report.scope for report in facts.reports] == ["val", "test"]
    backwards = tiny_model(tmp_path / "b", tiny_tileset(tmp_path / "same", cols=3, rows=2))
    write_model_card(backwards, reports=[second])
    write_model_card(backwards, reports=[first])
    assert (backwards / CARD_NAME).read_bytes() == (folder / CARD_NAME).read_bytes()


def test_the_figures_are_those_of_the_report(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", change=2.0)
    folder = tiny_model(tmp_path / "m", tileset)
    metrics = evaluate(
        tileset, load_model(folder, device="cpu"), tmp_path / "report",
        config=EvaluateConfig(worst=1),
    )  # fmt: skip
    found = ReportFigures.of(metrics, report="1", tile_set="2")
    assert found.scope == metrics["scope"]
    assert found.rows[0].figures["map@5"] == metrics["map@5"]
    by_name = {row.name: row for row in found.rows}
    for modality, row in metrics["modalities"].items():
        assert by_name[f"aligned, {modality}"].figures["recall@5"] == row["recall@5"]
        assert by_name[f"aligned, {modality}"].queries == row["queries"]


def test_a_damaged_card_says_what_to_do(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "m", tiny_tileset(tmp_path / "tiles", cols=3, rows=1))
    (folder / FACTS_NAME).write_text('{"licence": "mit"}')
    with pytest.raises(NotAnArtefactError, match=r"card\.json cannot be read.*delete it"):
        write_model_card(folder)


def test_the_command_adds_figures_and_refuses_those_of_another_model(
    cli: Cli,  # noqa: F811
) -> None:
    tileset = tiny_tileset(Path("tiles"), cols=3, rows=2)
    for name, seed in (("m", 0), ("other", 1)):
        tiny_model(Path(name), tileset, network_input="image", seed=seed)
    assert cli("evaluate", "tiles", "--model", "m", "--out", "report")[0] == 0
    status, out, err = cli("model", "card", "m", "--report", "report", "--licence", "etalab-2.0")
    assert (status, out) == (0, "")
    assert "licence etalab-2.0, reports 1" in err
    measured = read_manifest(Path("report")).content_hash
    assert f"report `{measured[:12]}`" in Path("m", CARD_NAME).read_text()
    assert cli("model", "card", "m", "--tileset", "tiles")[0] == 0
    text = Path("m", CARD_NAME).read_text()
    assert measured[:12] in text
    assert 'license: "etalab-2.0"' in text
    assert "| 2019 | 6 |" in text
    line = cli.refused("model", "card", "other", "--report", "report")
    assert "measured model" in line
    assert "is a tile set, but a model was expected" in cli.refused("model", "card", "tiles")
