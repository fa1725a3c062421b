"""Training learns, keeps the best epoch, and goes on after a kill as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aerialret.config import ModelConfig, Pipeline, QueryConfig, SplitConfig, TrainConfig
from aerialret.errors import (
    ConfigurationError,
    DivergedTrainingError,
    NothingToDoError,
    UnknownDateError,
    WouldOverwriteError,
)
from aerialret.network.checkpoint import load_model, untrained_model
from aerialret.network.descriptors import describe
from aerialret.tiles.tileset import TileSet
from aerialret.training.history import History
from aerialret.training.room import memory_bytes
from aerialret.training.train import train
from tests.tiny_tileset import tiny_tileset

PIPELINE = Pipeline(
    model=ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head_filters=(16, 8),
        head_strides=(1, 1), head_padding=1, dimensions=12,
    ),
    train=TrainConfig(
        epochs=3, pairs_per_batch=6, mining_interval=1, threads=1, precision="float32",
        modality_dropout=0.3, turn_and_flip=True, shift_px=2, colour_jitter=0.5,
        distance_on="unit", rate_head=1e-3, rate_trunk=1e-3,
    ),
    split=SplitConfig(block_tiles=2, buffer_tiles=0, val_share=0.2, test_share=0.2),
)  # fmt: skip


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tileset") / "tiles", cols=8, rows=6)


@pytest.fixture(scope="module")
def trained(tileset: TileSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "model"
    train(tileset, out, pipeline=PIPELINE)
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def content(folder: Path) -> dict[str, bytes]:
    """All but what tells how long it took, which no two trainings share."""
    told = ("timing.csv", "events/")
    return {name: data for name, data in files(folder).items() if not name.startswith(told)}


def with_train(**values: object) -> Pipeline:
    return replace(PIPELINE, train=replace(PIPELINE.train, **values))


def test_a_model_folder_is_whole_and_loads(trained: Path, tileset: TileSet) -> None:
    model = load_model(trained)
    assert model.grid == tileset.grid
    assert set(model.split["split"]) >= {"train", "val", "test"}
    assert sorted(content(trained)) == [
        "README.md", "card.json", "config.json", "curves.svg", "history.csv", "manifest.json",
        "model.safetensors", "similarity.safetensors", "split.parquet",
    ]  # fmt: skip


def test_a_model_folder_tells_its_course_outside_its_hash(trained: Path) -> None:
    timing = pd.read_csv(trained / "timing.csv")
    assert timing["epoch"].tolist() == [1, 2, 3]
    assert (timing["seconds"] > timing["mining_s"] + timing["validation_s"]).all()
    assert timing["mining_s"][0] < timing["mining_s"][1]
    events = EventAccumulator(str(trained / "events")).Reload()
    history = pd.read_csv(trained / "history.csv")
    for name, column in {"val/map5": "val_map5", "loss": "loss"}.items():
        known = history.dropna(subset=[column])
        told = {event.step: event.value for event in events.Scalars(name)}
        assert list(told) == known["epoch"].tolist()
        assert list(told.values()) == pytest.approx(known[column].tolist(), abs=1e-6)
    assert {"rate/head", "rate/trunk", "time/places_per_s"} <= set(events.Tags()["scalars"])
    hashed = json.loads((trained / "manifest.json").read_text())["facts"]["content"]
    assert hashed == [
        "config.json", "model.safetensors", "similarity.safetensors", "split.parquet",
    ]  # fmt: skip


def test_the_history_has_a_row_for_each_epoch(trained: Path) -> None:
    history = pd.read_csv(trained / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["val_map5"].between(0, 1).all()
    assert history["loss"][1:].gt(0).all()


def test_the_same_request_again_does_nothing(trained: Path, tileset: TileSet) -> None:
    before = content(trained)
    assert train(tileset, trained, pipeline=PIPELINE).up_to_date
    assert content(trained) == before


def test_another_request_does_not_overwrite(trained: Path, tileset: TileSet) -> None:
    before = content(trained)
    with pytest.raises(WouldOverwriteError, match="--replace"):
        train(tileset, trained, pipeline=with_train(epochs=1))
    assert content(trained) == before


def test_two_trainings_with_one_seed_are_equal_to_the_bit(
    trained: Path, tileset: TileSet, tmp_path: Path
) -> None:
    train(tileset, tmp_path / "again", pipeline=PIPELINE)
    assert content(tmp_path / "again") == content(trained)


def test_another_seed_trains_another_model(trained: Path, tileset: TileSet, tmp_path: Path) -> None:
    train(tileset, tmp_path / "other", pipeline=with_train(seed=1))
    assert content(tmp_path / "other")["model.safetensors"] != content(trained)["model.safetensors"]


def test_a_killed_training_ends_where_an_undisturbed_one_ends(
    trained: Path, tileset: TileSet, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.test_train import PIPELINE;"
        "from aerialret.tiles.tileset import TileSet; from aerialret.training.train import train;"
        "train(TileSet(Path(sys.argv[1])), Path(sys.argv[2]), pipeline=PIPELINE,"
        " on_epoch=lambda row: print('epoch', flush=True))"
    )
    out = tmp_path / "model"
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tileset.folder), str(out)],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"epoch\n"
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    report = train(tileset, out, pipeline=PIPELINE)
    assert report.resumed_at >= 1
    assert content(out) == content(trained)
    assert pd.read_csv(out / "timing.csv")["epoch"].tolist() == [1, 2, 3]
    told = EventAccumulator(str(out / "events")).Reload().Scalars("loss")
    assert [event.step for event in told] == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_unfinished_training_is_not_dropped_for_another_request(
    tileset: TileSet, tmp_path: Path
) -> None:
    def stop(row: dict[str, object]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tileset, tmp_path / "model", pipeline=PIPELINE, on_epoch=stop)
    with pytest.raises(WouldOverwriteError, match="unfinished training"):
        train(tileset, tmp_path / "model", pipeline=with_train(seed=9))
    longer = train(tileset, tmp_path / "model", pipeline=with_train(epochs=2), resume=True)
    assert (longer.resumed_at, longer.epochs) == (1, 2)


def test_a_training_that_diverges_makes_no_model(tileset: TileSet, tmp_path: Path) -> None:
    asked = with_train(colour_jitter=1000.0)
    with pytest.raises(DivergedTrainingError, match=r"its loss is nan in epoch 1; lower the rates"):
        train(tileset, tmp_path / "model", pipeline=asked)
    assert not (tmp_path / "model").exists()


def test_a_request_that_was_refused_does_not_stand_in_the_way_of_its_correction(
    tileset: TileSet, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="takes no negatives of past batches"):
        train(tileset, tmp_path / "model", pipeline=with_train(memory=64))
    assert train(tileset, tmp_path / "model", pipeline=with_train(epochs=0)).best_map5 > 0


def test_no_epochs_write_the_untrained_network(tileset: TileSet, tmp_path: Path) -> None:
    train(tileset, tmp_path / "model", pipeline=with_train(epochs=0))
    model = load_model(tmp_path / "model")
    start = untrained_model(model)
    assert start is not None
    for name, value in start.network.state_dict().items():
        assert value.equal(model.network.state_dict()[name])


def test_training_lowers_the_loss_and_finds_places(tileset: TileSet, tmp_path: Path) -> None:
    pipeline = with_train(epochs=8, turn_and_flip=False, colour_jitter=0.0, modality_dropout=0.0)
    train(tileset, tmp_path / "model", pipeline=pipeline)
    history = pd.read_csv(tmp_path / "model" / "history.csv")
    assert history["loss"].iloc[-1] < history["loss"].iloc[1]
    assert history["val_map5"].max() > 0.5


def test_a_date_that_is_not_there_is_named(tileset: TileSet, tmp_path: Path) -> None:
    with pytest.raises(UnknownDateError, match=r"1999.*holds 2004, 2019"):
        train(tileset, tmp_path / "model", pipeline=with_train(dates=("2019", "1999")))


def test_one_date_is_not_enough(tmp_path: Path) -> None:
    single = tiny_tileset(tmp_path / "tiles", dates=("2004",), cols=3, rows=2)
    with pytest.raises(ConfigurationError, match="pairs two dates"):
        train(single, tmp_path / "model", pipeline=PIPELINE)


def test_too_few_training_places_are_told(tileset: TileSet, tmp_path: Path) -> None:
    split = SplitConfig(block_tiles=2, val_share=0.5, test_share=0.5)
    with pytest.raises(NothingToDoError, match="at least 2 places"):
        train(tileset, tmp_path / "model", pipeline=replace(PIPELINE, split=split))


def test_the_first_best_epoch_is_kept_and_the_start_never_wins() -> None:
    history = History()
    for epoch, score in enumerate([0.9, 0.4, 0.7, float("nan"), 0.7]):
        history.add(epoch=epoch, loss=1.0, val_map5=score, hard=0)
    assert history.best()["epoch"] == 2


def test_without_validation_the_last_epoch_is_kept() -> None:
    history = History()
    for epoch in range(3):
        history.add(epoch=epoch, loss=1.0, val_map5=float("nan"), hard=0)
    assert history.best()["epoch"] == 2


@pytest.mark.parametrize(
    ("model", "train_keys", "words"),
    [
        ({"method": "hog", "input": "image"}, {}, "not trained by epochs"),
        ({"fusion": "late"}, {}, "joins descriptors after"),
        ({}, {"schedule": "alternate"}, "model.transformer is 'none'"),
        ({}, {"schedule": "divide-and-conquer"}, "set it to 'clusters'"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_starts(
    tileset: TileSet, tmp_path: Path, model: dict[str, str], train_keys: dict[str, str], words: str
) -> None:
    asked = replace(with_train(**train_keys), model=replace(PIPELINE.model, **model))
    with pytest.raises(ConfigurationError, match=words):
        train(tileset, tmp_path / "model", pipeline=asked)


@pytest.mark.parametrize(
    ("loss", "key", "vectors_each"),
    [("contrastive", "memory", 1), ("softtriple", "centres", 4 * 28)],  # of 28 training places
)
def test_what_a_machine_cannot_keep_is_told_with_what_it_can(
    loss: str, key: str, vectors_each: int, tileset: TileSet, tmp_path: Path
) -> None:
    there = memory_bytes(torch.device("cpu"))
    assert there
    with pytest.raises(ConfigurationError, match=rf"train\.{key} is 1000000000, which") as error:
        train(tileset, tmp_path / "m", pipeline=with_train(loss=loss, **{key: 1_000_000_000}))
    most = int(str(error.value).split()[-3])
    per = PIPELINE.model.dimensions * 4 * vectors_each
    assert most * per <= there / 2 < (most + 1) * per
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("seen", ["mask", "either"])
def test_masks_by_themselves_are_not_trained_on_tiles_without(tmp_path: Path, seen: str) -> None:
    bare = tiny_tileset(tmp_path / "bare", masks=False)
    asked = replace(PIPELINE, model=replace(PIPELINE.model, input=seen))
    with pytest.raises(ConfigurationError, match=f"model.input is '{seen}', but date 2019"):
        train(bare, tmp_path / "model", pipeline=asked)


@pytest.mark.parametrize(
    "keys", [{"method": "hog", "hog_cells": 4}, {"head": "gem", "whitening": True, "dimensions": 6}]
)
def test_a_method_without_epochs_is_measured_on_the_validation_places(
    tileset: TileSet, tmp_path: Path, keys: dict[str, object]
) -> None:
    model = replace(PIPELINE.model, input="image", **keys)
    report = train(tileset, tmp_path / "model", pipeline=replace(with_train(epochs=0), model=model))
    assert 0 < report.best_map5 <= 1
    loaded = load_model(tmp_path / "model")
    first = describe(loaded, tileset.read("2004", tileset.tiles("2004")[:4]), modality="image")
    assert first.shape[1] == loaded.length
    train(tileset, tmp_path / "again", pipeline=replace(with_train(epochs=0), model=model))
    again = load_model(tmp_path / "again")
    np.testing.assert_array_equal(
        describe(again, tileset.read("2004", tileset.tiles("2004")[:4]), modality="image"), first
    )


def test_how_a_recipe_is_asked_stays_with_its_model(tileset: TileSet, tmp_path: Path) -> None:
    asked = replace(with_train(epochs=0), query=QueryConfig(rotations=4, rerank="sift"))
    train(tileset, tmp_path / "model", pipeline=asked)
    assert load_model(tmp_path / "model").asking == asked.query
