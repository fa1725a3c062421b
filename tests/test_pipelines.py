"""Every recipe that ships is read strictly, names its source, and runs on a tiny territory."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from aerialret.config import Pipeline, override, parse_pipeline
from aerialret.network.methods import build_network, vector_length
from aerialret.recipes import find_recipe, read_recipe, shipped_recipes
from aerialret.tiles.tileset import TileSet
from aerialret.training.train import train
from tests.test_cli import Cli, cli  # noqa: F401
from tests.tiny_tileset import tiny_tileset

SOURCES = {
    "rfiap2020": "RFIAP 2020",
    **{
        f"{network}{variant}": f"RFIAP 2020, table {table}"
        for network, table in (("resnet50", 3), ("gem", 4))
        for variant in ("", "-mask", "-concatenation", "-early", "-late")
    },
    "ntxent": "table 7",
    "mask-guided": "Alqasir, Muselet and Ducottet",
    "getnet": "Yu, Liu, Sun, Wang and Zhang",
    "contrastive": "Hadsell, Chopra and LeCun",
    "triplet": "Schroff, Kalenichenko and Philbin",
    "triplet-semi-hard": "Schroff, Kalenichenko and Philbin",
    "triplet-hard": "Hermans, Beyer and Leibe",
    "hierarchical-triplet": "Ge, Huang, Dong and Scott",
    "proxy-nca": "Movshovitz-Attias, Toshev, Leung, Ioffe and Singh",
    "softtriple": "Qian, Shang, Sun, Hu, Tacoma, Li and Jin",
    "multi-similarity": "Wang, Han, Huang, Dong and Scott",
    "divide-and-conquer": "Sanakoyeu, Tschernezki, Büchler and Ommer",
    "hog": "Dalal and Triggs",
    "colour-histogram": "Swain and Ballard",
    "bow-sift": "Sivic and Zisserman",
}
"""What the leading comment of each published method's recipe says."""

ONE_NETWORK = (
    "triplet", "triplet-semi-hard", "triplet-hard", "hierarchical-triplet", "proxy-nca",
    "softtriple", "multi-similarity", "divide-and-conquer",
)  # fmt: skip
OF_THE_LOSS = {
    "loss", "margin", "miner", "centres", "batches", "clusters", "mining_interval", "schedule",
    "rate_proxies",
}  # fmt: skip

TINY = [
    "model.backbone=resnet18", "model.trunk=layer3", "model.weights=none",
    "model.head_filters=[16, 16, 16]", "model.head_padding=1", "model.dimensions=16",
    "model.words=20", "model.hog_cells=4", "train.pairs_per_batch=6", "train.clusters=2",
    "train.frozen_stages=0", "train.shift_px=2", "train.threads=1", "train.device=cpu",
    "train.precision=float32", "split.method=blocks", "split.block_tiles=2",
    "split.buffer_tiles=0", "split.val_share=0.2", "split.test_share=0.3", "query.rerank_top=3",
]  # fmt: skip
"""What makes any recipe fit a territory of 28 tiles and a second of computing."""

EPOCHS = 2
"""Enough for each half of an alternating schedule, and for clusters and what follows them."""

RECIPES = [Path(name).stem for name in shipped_recipes("pipelines")]


def recipe_file(name: str) -> Path:
    return find_recipe("pipelines", f"pipelines/{name}.toml")


def pipeline_of(name: str) -> Pipeline:
    path = recipe_file(name)
    return parse_pipeline(read_recipe(path), origin=str(path))


def leading_comment(name: str) -> str:
    """The comment that a file begins with, in one line."""
    words = []
    for line in recipe_file(name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        words += line.strip("# ").split()
    return " ".join(words)


def changes(name: str, *, section: str, base: str = "contrastive") -> set[str]:
    """Keys in which two recipes differ."""
    one, other = (asdict(getattr(pipeline_of(recipe), section)) for recipe in (name, base))
    return {key for key in one if one[key] != other[key]}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_read_strictly_and_says_what_it_is(name: str) -> None:
    pipeline_of(name)
    assert len(leading_comment(name).split()) >= 10


@pytest.mark.parametrize("name", SOURCES)
def test_the_recipe_of_a_published_method_names_its_source(name: str) -> None:
    assert SOURCES[name] in leading_comment(name)


@pytest.mark.parametrize("name", ONE_NETWORK)
def test_metric_learning_recipes_differ_by_loss_and_batches_alone(name: str) -> None:
    assert not changes(name, section="model")
    assert {"loss"} <= changes(name, section="train") <= OF_THE_LOSS


def test_no_two_recipes_are_the_same() -> None:
    pipelines = {name: pipeline_of(name) for name in RECIPES}
    for name, pipeline in pipelines.items():
        assert [other for other, value in pipelines.items() if value == pipeline] == [name]


def test_getnet_adds_a_transformer_to_contrastive_and_trains_the_rest_as_long() -> None:
    getnet, contrastive = pipeline_of("getnet"), pipeline_of("contrastive")
    assert changes("getnet", section="model") == {"transformer"}
    assert changes("getnet", section="train") == {"schedule", "epochs"}
    assert getnet.train.epochs == 2 * contrastive.train.epochs


@pytest.mark.parametrize("network", ["resnet50", "gem"])
def test_baselines_are_not_trained_and_see_what_their_names_say(network: str) -> None:
    seen = {
        variant: pipeline_of(f"{network}{variant}")
        for variant in ("", "-mask", "-concatenation", "-early", "-late")
    }
    assert all(pipeline.train.epochs == 0 for pipeline in seen.values())
    assert [pipeline.model.input for pipeline in seen.values()] == [
        "image", "mask", "image+mask", "image+mask", "image+mask",
    ]  # fmt: skip
    assert [seen[v].model.fusion for v in ("-concatenation", "-early", "-late")] == [
        "concatenation", "fixed", "late",
    ]  # fmt: skip


def test_published_figures_of_ntxent_are_followed() -> None:
    config = pipeline_of("ntxent").train
    assert (config.epochs, config.pairs_per_batch, config.temperature) == (100, 26, 100.0)
    assert config.rate_trunk == config.rate_fusion == 1e-3
    assert config.weight_decay == 1e-6


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_as_it_ships_fits_tiles_of_256_pixels(name: str) -> None:
    config = pipeline_of(name).model
    with torch.device("meta"):  # a head that leaves no cell is refused, without any weights
        network = build_network(config, tile_px=256)
    pooled = {"resnet50": 2048, "gem": 256}.get(name.split("-")[0], network.length)
    doubled = 2 if config.joins_descriptors else 1
    coded = 2 if config.distance == "euclidean" else 0
    assert vector_length(network) == pooled * doubled + coded


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tileset") / "tiles")


@pytest.mark.slow
def test_compare_runs_every_recipe_on_a_tiny_territory(cli: Cli) -> None:  # noqa: F811
    tiny_tileset(Path("tiles"))
    keys = [word for assignment in TINY for word in ("--set", assignment)]
    status, printed, told = cli(
        "compare", *RECIPES, "--on", "tiles", "--out", "out", "--seeds", 0, "--epochs", EPOCHS,
        "--protocols", "aligned,hard", "--bootstrap", 50, *keys,
    )  # fmt: skip
    assert status == 0, told
    table = pd.read_csv("out/table.csv")
    assert set(table["method"].str.split(":").str[0]) == set(RECIPES)
    figures = table.filter(regex="map@5$")
    assert figures.notna().to_numpy().all()
    assert all(name in printed for name in RECIPES)


def test_the_first_epoch_of_getnet_changes_its_transformer_alone(
    tileset: TileSet, tmp_path: Path
) -> None:
    for epochs in (0, 1):
        tiny = override(pipeline_of("getnet"), [*TINY, f"train.epochs={epochs}"])
        train(tileset, tmp_path / f"{epochs}", pipeline=tiny)
    before, after = (load_file(tmp_path / f"{n}" / "model.safetensors") for n in (0, 1))
    changed = {name for name in before if not before[name].equal(after[name])}
    assert {name.split(".")[0] for name in changed} == {"transformer"}
