"""The demo runs every public step on a territory of its own and says where the result is."""

import json
from pathlib import Path

import pytest

from tests.test_cli import Cli

STEPS = ("ingest --date 2004", "ingest --date 2019", "train", "index", "evaluate", "query")


@pytest.fixture(scope="module")
def small() -> tuple[str, ...]:
    settings = (
        "train.epochs=1", "train.threads=1", "split.block_tiles=2", "split.buffer_tiles=0",
        "grid.tile_px=64", "model.head_filters=[16]", "model.head_strides=[1]",
    )  # fmt: skip
    return tuple(word for setting in settings for word in ("--set", setting))


def test_a_tiny_demo_makes_everything_that_it_names(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    small: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = Cli(capsys, monkeypatch)
    status, out, err = cli("demo", "show", "--size", 6, *small)
    assert status == 0, err
    for step in STEPS:
        assert f"$ aerialret {step}" in err
    for name in ("tileset", "model", "index", "report/report.html", "query.png", "photo.tif"):
        assert Path("show", name).exists()
    assert "image+mask" in out
    metrics = json.loads(Path("show/report/metrics.json").read_text())
    assert set(metrics["modalities"]) >= {"image+mask", "image", "mask"}
    assert set(metrics["untrained"]) == set(metrics["modalities"])
    assert (tmp_path / "show/report/report.html").as_uri() in err
    monkeypatch.chdir(tmp_path / "show")
    assert cli("query", "photo.tif", "--top", 2, "--format", "json")[0] == 0
