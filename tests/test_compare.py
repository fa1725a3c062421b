"""`aerialret compare`: one table for all, made once, on common ground, whatever cannot run."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from aerialret.cli.entry import main
from aerialret.comparison.request import PROTOCOLS, CompareRequest
from aerialret.config import EvaluateConfig, SplitConfig
from aerialret.errors import ConfigurationError
from aerialret.evaluation.evaluate import evaluate
from aerialret.network.checkpoint import load_model
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import split_places
from tests.tiny_tileset import tiny_tileset

RECIPES = {
    # Neither trained nor drawn at random.
    "grid": '[model]\nmethod = "hog"\ninput = "image"\nhog_cells = 2\n[train]\nepochs = 0\n',
    "drawn": '[model]\ninput = "image"\nhead = "max"\nbackbone = "resnet18"\ntrunk = "layer3"\n'
    'weights = "none"\n[train]\nepochs = 0\n[split]\nseed = 99\ntest_share = 0.5\n',
    "siamese": 'extends = "drawn"\n[model]\ninput = "image+mask"\n[train]\nepochs = 3\n'
    'pairs_per_batch = 8\nthreads = 1\nprecision = "float32"\ndevice = "cpu"\n',
    "masks": 'extends = "drawn"\n[model]\ninput = "mask"\n',
}
SPLIT = ("--set", "split.block_tiles=3", "--set", "split.buffer_tiles=0")
COMMON = (*SPLIT, "--epochs", 1, "--bootstrap", 200)


class Compare:
    """Runs `aerialret compare` in a folder with recipes and a tile set."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, *words: object, on: str = "tiles", out: str = "out") -> tuple[int, str, str]:
        return self.said("compare", *words, "--on", on, "--out", out)

    def said(self, *words: object) -> tuple[int, str, str]:
        """What any command says in that folder."""
        patch = pytest.MonkeyPatch()
        patch.chdir(self.folder)
        patch.setattr(sys, "argv", ["aerialret", *map(str, words)])
        self.capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        finally:
            patch.undo()
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def refused(self, *words: object, on: str = "tiles", out: str = "other") -> str:
        status, printed, told = self(*words, on=on, out=out)
        assert (status, printed) == (2, ""), told
        assert len(told.strip().splitlines()) == 1, told
        return told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    tiny_tileset(folder / "tiles", cols=9, rows=7, change=2.0)
    for name, text in RECIPES.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def first(folder: Path) -> tuple[int, str, str]:
    """What a comparison of three methods said; its files lie in `folder/out`."""
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    words = ["compare", "grid.toml", "drawn.toml", "siamese.toml", "--on", "tiles", "--out", "out"]
    options = ["--seeds", "3,4", "--protocols", "aligned,hard", *map(str, COMMON)]
    patch.setattr(sys, "argv", ["aerialret", *words, *options])
    capture = pytest.MonkeyPatch()
    out, err = _Text(), _Text()
    capture.setattr(sys, "stdout", out)
    capture.setattr(sys, "stderr", err)
    try:
        main()
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        capture.undo()
        patch.undo()
    return status, out.text, err.text


class _Text:
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.fixture
def compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    return Compare(folder, capsys)


AGAIN = (
    "grid.toml", "drawn.toml", "siamese.toml", "--seeds", "3,4", "--protocols", "aligned,hard",
    *COMMON,
)  # fmt: skip


def table(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {f"{row['method']} {row['comparison']}".strip(): row for row in rows}


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in files
    }


def test_the_table_has_every_method_and_every_comparison_and_is_printed(
    first: tuple[int, str, str], folder: Path
) -> None:
    status, printed, told = first
    assert status == 0, told
    assert printed == (folder / "out/table.md").read_text()
    assert list(table(folder / "out")) == [
        "grid image",
        "drawn image",
        "siamese image+mask",
        "siamese image",
        "siamese mask",
        "siamese image against image+mask",
    ]
    assert "| siamese: image against image+mask |" in printed
    finished = [line for line in told.splitlines() if " seed " in line]
    assert [line.split(":")[0] for line in finished] == [
        "grid seed 3", "drawn seed 3", "drawn seed 4", "siamese seed 3", "siamese seed 4",
    ]  # fmt: skip


def test_a_figure_is_the_one_that_evaluate_reports(
    first: tuple[int, str, str], folder: Path, tmp_path: Path
) -> None:
    row = table(folder / "out")["siamese image+mask"]
    for protocol in ("aligned", "hard"):
        found = [
            evaluate(
                TileSet(folder / "tiles"),
                load_model(folder / f"out/runs/siamese-seed{seed}/model"),
                tmp_path / f"{protocol}{seed}",
                config=EvaluateConfig(protocol=protocol, untrained=False, worst=0),
            )
            for seed in (3, 4)
        ]
        for metric in ("map@5", "recall@1", "recall@10"):
            values = [metrics[metric] for metrics in found]
            assert float(row[f"{protocol} {metric}"]) == pytest.approx(sum(values) / 2, abs=1e-6)
            spread = abs(values[0] - values[1]) / 2**0.5
            assert float(row[f"{protocol} {metric} std"]) == pytest.approx(spread, abs=2e-6)


def test_what_is_there_is_not_made_again(
    first: tuple[int, str, str], folder: Path, compare: Compare
) -> None:
    before = everything(folder / "out/runs")
    page = (folder / "out/compare.html").read_bytes()
    status, printed, told = compare(*AGAIN)
    assert status == 0
    assert everything(folder / "out/runs") == before
    # The command line ends in the order of the options; nothing else differs.
    assert printed.split("- Command")[0] == first[1].split("- Command")[0]
    assert len(page.split(b"<dt>Command")) == 2
    assert "as it was" in told


def test_only_what_is_missing_or_damaged_is_measured_again(
    first: tuple[int, str, str], folder: Path, compare: Compare
) -> None:
    run = folder / "out/runs/drawn-seed4"
    before = everything(folder / "out/runs")
    (run / "hard.json").unlink()
    (run / "aligned.parquet").write_bytes(b"torn")
    compare(*AGAIN)
    after = everything(folder / "out/runs")
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if before[name][1] != after[name][1]} == set()
    assert changed == {
        f"drawn-seed4/{protocol}.{kind}"
        for protocol in ("aligned", "hard")
        for kind in ("json", "parquet")
    }


def test_a_record_says_what_it_was_made_from(first: tuple[int, str, str], folder: Path) -> None:
    run = folder / "out/runs/siamese-seed4"
    made_of = json.loads((run / "hard.json").read_text())["made_of"]
    assert made_of["tile_set"] == TileSet(folder / "tiles").content_hash
    assert made_of["model"] == load_model(run / "model").content_hash
    assert (made_of["protocol_seed"], made_of["query"]["rotations"]) == (7, 1)
    rows = pd.read_parquet(run / "hard.parquet")
    assert list(rows.columns) == [
        "comparison", "query", "place", "split", "in_scope", "rank", "distance_m", "corner_error_m",
    ]  # fmt: skip
    asked = load_model(run / "model").split.set_index("place")["split"]
    held_out = set(asked[asked == "test"].index)
    assert rows["in_scope"].all()
    assert all(set(some["place"]) == held_out for _, some in rows.groupby("comparison"))


def test_seeds_change_what_is_random_and_nothing_else_is_run_twice(
    first: tuple[int, str, str], folder: Path
) -> None:
    runs = sorted(path.name for path in (folder / "out/runs").iterdir())
    assert runs == ["drawn-seed3", "drawn-seed4", "grid-seed3", "siamese-seed3", "siamese-seed4"]
    hashes = {name: load_model(folder / f"out/runs/{name}/model").content_hash for name in runs}
    assert len(set(hashes.values())) == len(runs)
    rows = table(folder / "out")
    assert (rows["grid image"]["seeds"], rows["siamese image"]["seeds"]) == ("1", "2")
    assert rows["grid image"]["aligned map@5 std"] == ""


def test_all_methods_share_the_split_whatever_their_recipes_say(
    first: tuple[int, str, str], folder: Path
) -> None:
    tileset = TileSet(folder / "tiles")
    expected = split_places(
        tileset.tiles("2004"), config=SplitConfig(block_tiles=3, buffer_tiles=0), grid=tileset.grid
    )
    for run in (folder / "out/runs").iterdir():
        pd.testing.assert_frame_equal(pd.read_parquet(run / "model/split.parquet"), expected)


def test_epochs_are_cut_for_what_trains_only(first: tuple[int, str, str], folder: Path) -> None:
    rows = table(folder / "out")
    assert (rows["siamese image"]["epochs"], rows["drawn image"]["epochs"]) == ("1", "0")


def test_training_time_is_the_mean_over_the_seeds(
    first: tuple[int, str, str], folder: Path
) -> None:
    rows = table(folder / "out")
    timings = [
        pd.read_csv(folder / f"out/runs/siamese-seed{seed}/model/timing.csv")["seconds"].sum()
        for seed in (3, 4)
    ]
    assert float(rows["siamese image+mask"]["training_s"]) == pytest.approx(sum(timings) / 2)
    assert rows["drawn image"]["training_s"] == ""


def test_the_page_needs_nothing_but_itself(first: tuple[int, str, str], folder: Path) -> None:
    page = (folder / "out/compare.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert page.count("<polyline") == 2 * 3  # two protocols, three methods
    assert page.count("<rect") == 2 * 3


def test_what_cannot_run_is_listed_with_its_reason_and_the_rest_goes_on(
    compare: Compare, folder: Path
) -> None:
    tiny_tileset(folder / "plain", cols=6, rows=6, masks=False)
    status, printed, told = compare(
        "masks.toml", "grid.toml", *COMMON, "--protocols", "aligned", on="plain", out="partly"
    )
    assert status == 1
    reason = "the model sees masks only, but one of the two dates has no vectors"
    assert f"- masks: {reason}" in printed
    assert f"masks: cannot run here: {reason}" in told
    assert reason in (folder / "partly/compare.html").read_text()
    rows = table(folder / "partly")
    assert (rows["masks"]["aligned map@5"], rows["masks"]["cannot_run"][:22]) == ("", reason[:22])
    assert float(rows["grid image"]["aligned map@5"]) > 0
    assert not (folder / "partly/runs/masks-seed0").exists()


def test_a_comparison_in_which_nothing_can_run_still_says_so(
    compare: Compare, folder: Path
) -> None:
    tiny_tileset(folder / "bare", cols=4, rows=4, masks=False)
    status, printed, _ = compare("masks.toml", *COMMON, on="bare", out="nothing")
    assert status == 1
    assert "- masks: the model sees masks only" in printed
    assert "No method could run" in (folder / "nothing/compare.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("grid.toml", "missing"), "missing does not exist; in pipelines"),
        ((), "no PIPELINE was given; name at least one, or a '--study'"),
        (("grid.toml", "--study", "nowhere"), "nowhere does not exist"),
        (("grid.toml", "--study", "grid.toml"), "grid.toml is no study: it has no 'title'"),
        (
            ("few=grid.toml", "few=drawn.toml"),
            "the label 'few' is given to grid.toml and drawn.toml, but names one method",
        ),
        (("few=grid.toml", "few=grid.toml"), "the label 'few' is given to grid.toml and grid.toml"),
        (("drawn=grid.toml", "drawn.toml"), "another name with LABEL=PIPELINE"),
        (("../few=grid.toml",), "'../few=grid.toml' is no LABEL=PIPELINE: a label holds letters"),
        (("=grid.toml",), "'=grid.toml' is no LABEL=PIPELINE"),
        (("few=",), "'few=' is no LABEL=PIPELINE"),
        (("few=missing",), "missing does not exist; in pipelines"),
        (("grid.toml", "--seeds", "1,x"), "--seeds is '1,x', but takes whole numbers"),
        (("grid.toml", "--seeds", ""), "--seeds is empty; give at least one"),
        (("grid.toml", "--seeds", "2,2"), "--seeds is 2,2, but may name each one once only"),
        (("grid.toml", "--protocols", "easy"), "--protocols names 'easy', but there are aligned"),
        (("grid.toml", "--bootstrap", "0"), "--bootstrap is 0, but must be at least 40"),
        (("grid.toml", "--bootstrap", "39"), "a resample lies beyond each end of a 95 % interval"),
        (("grid.toml", "--gallery", "1950"), "date 1950 was asked for, but"),
        (("grid.toml", "--set", "model.hog_cell=3"), "did you mean 'hog_cells'"),
    ],
)
def test_an_unusable_request_is_refused_before_anything_starts(
    words: tuple[str, ...], message: str, compare: Compare, folder: Path
) -> None:
    assert message in compare.refused(*words)
    assert not (folder / "other").exists()


def test_info_tells_how_far_a_comparison_is(
    first: tuple[int, str, str], compare: Compare, folder: Path
) -> None:
    assert first[0] == 0
    status, printed, told = compare.said("info", "out")
    assert status == 0
    whole = json.loads(printed)
    assert whole["methods"] == ["drawn", "grid", "siamese"]
    assert whole["protocols"] == ["aligned", "hard"]
    states = {(run["method"], run["seed"]): run for run in whole["runs"]}
    names = [("drawn", 3), ("drawn", 4), ("grid", 3), ("siamese", 3), ("siamese", 4)]
    assert list(states) == names
    assert all(run["trained"] and run["measured"] == ["aligned", "hard"] for run in whole["runs"])
    assert "compare.html" in whole["tables"]
    assert told == (
        "out is a comparison of 3 methods (drawn, grid, siamese) under aligned, hard: 5 of 5 runs "
        "done\n"
    )
    shutil.copytree(folder / "out", folder / "broken_off")
    (folder / "broken_off/runs/drawn-seed4/hard.json").write_text("{")
    shutil.rmtree(folder / "broken_off/runs/siamese-seed3/model")
    status, printed, told = compare.said("info", "broken_off")
    assert status == 0
    assert "3 of 5 runs done" in told
    left = {(run["method"], run["seed"]): run for run in json.loads(printed)["runs"]}
    assert left["drawn", 4]["measured"] == ["aligned"]
    assert not left["siamese", 3]["trained"]
    assert left["grid", 3] == states["grid", 3]


def test_info_tells_which_run_of_a_comparison_is_damaged(
    first: tuple[int, str, str], compare: Compare, folder: Path
) -> None:
    shutil.copytree(folder / "out", folder / "damaged")
    with (folder / "damaged/runs/grid-seed3/model/config.json").open("a") as stream:
        stream.write(" ")
    status, _, told = compare.said("info", "damaged")
    assert status == 2
    assert "was changed in damaged/runs/grid-seed3/model; delete that run's folder" in told
    assert compare.said("info", "damaged", "--no-check")[0] == 0


def test_a_folder_without_runs_is_no_comparison(compare: Compare, folder: Path) -> None:
    (folder / "others/runs/today").mkdir(parents=True)
    status, printed, told = compare.said("info", "others")
    assert (status, printed) == (2, "")
    assert "others is not an aerialret artefact: it has no manifest.json" in told


def test_two_pipelines_of_one_name_are_refused(compare: Compare, folder: Path) -> None:
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more/grid.toml").write_text(RECIPES["grid"].replace("cells = 2", "cells = 3"))
    assert "two different pipelines are called grid" in compare.refused(
        "grid.toml", "more/grid.toml"
    )


def test_a_label_names_the_method_in_the_table_and_its_run_folders(
    compare: Compare, folder: Path
) -> None:
    (folder / "a=b.toml").write_text(RECIPES["grid"])
    words = ("few=grid.toml", "more/grid.toml", "a=b.toml")
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more/grid.toml").write_text(RECIPES["grid"].replace("cells = 2", "cells = 3"))
    status, printed, told = compare(*words, *COMMON, "--protocols", "aligned", out="labels")
    assert status == 0, told
    rows = table(folder / "labels")
    assert {name: row["dimensions"] for name, row in rows.items()} == {
        "few image": str(2 * 2 * 8), "grid image": str(3 * 3 * 8), "a=b image": str(2 * 2 * 8),
    }  # fmt: skip
    assert "| few" in printed
    assert "few seed 0: " in told
    runs = sorted(path.name for path in (folder / "labels/runs").iterdir())
    assert runs == ["a=b-seed0", "few-seed0", "grid-seed0"]


def test_runs_of_another_request_are_refused_unless_replaced(
    compare: Compare, folder: Path, first: tuple[int, str, str]
) -> None:
    shutil.copytree(folder / "out", folder / "changed", dirs_exist_ok=True)
    other = ("grid.toml", "--seeds", "3", "--protocols", "aligned", *COMMON)
    change = ("--set", "model.hog_cells=3")
    before = everything(folder / "changed")
    assert "holds a model of another tile set or configuration; add '--replace'" in compare.refused(
        *other, *change, out="changed"
    )
    assert everything(folder / "changed") == before
    status, _, _ = compare(*other, *change, "--replace", out="changed")
    assert status == 0
    assert table(folder / "changed")["grid image"]["dimensions"] == str(3 * 3 * 8)


def test_a_folder_that_is_no_comparison_is_left_alone(compare: Compare, folder: Path) -> None:
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine/table.md").write_text("my own")
    assert "exists and is no comparison" in compare.refused("grid.toml", out="mine")
    assert [path.name for path in (folder / "mine").iterdir()] == ["table.md"]


def test_the_workspace_gives_the_split_and_the_tile_set(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grid.toml").write_text(RECIPES["grid"])
    (tmp_path / "aerialret.toml").write_text(
        f'[paths]\ntileset = "{folder / "tiles"}"\n[split]\nblock_tiles = 2\nseed = 5\n'
    )
    patch = pytest.MonkeyPatch()
    patch.chdir(tmp_path)
    patch.setattr(
        sys, "argv", ["aerialret", "compare", "grid.toml", "--protocols", "aligned", "--out", "o"]
    )
    with pytest.raises(SystemExit, match="0"):
        main()
    patch.undo()
    tileset = TileSet(folder / "tiles")
    config = SplitConfig(block_tiles=2, seed=5)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "o/runs/grid-seed0/model/split.parquet"),
        split_places(tileset.tiles("2004"), config=config, grid=tileset.grid),
    )
    assert "blocks of 2 tiles" in capsys.readouterr().out


STUDY = """
title = "Cells"
[split]
block_tiles = 3
buffer_tiles = 0
[[tables]]
name = "1"
title = "How many cells"
published = ["Elsewhere"]
rows = [
    { label = "few", pipeline = "grid.toml", published = [0.5] },
    { label = "more", pipeline = "grid.toml", set = ["model.hog_cells=4"] },
    { label = "the better", best_of = ["1"], published = [0.75] },
]
"""


def test_a_study_alone_makes_its_tables_on_its_own_split(compare: Compare, folder: Path) -> None:
    (folder / "cells.toml").write_text(STUDY)
    words = ("--study", "cells.toml", "--set", "model.hog_cells=3", "--bootstrap", "50")
    status, printed, told = compare(*words, out="study")
    assert status == 0, told
    assert printed.startswith("# Cells")
    table_rows = {row["method"]: row for row in csv.DictReader((folder / "study/table.csv").open())}
    # A row's own keys are what it is about: they win over those for all.
    assert {name: row["dimensions"] for name, row in table_rows.items()} == {
        "grid": str(3 * 3 * 8),
        "grid+hog_cells=4": str(4 * 4 * 8),
    }
    assert "map@5 hard" not in printed  # a study says its protocols
    rows = pd.read_csv(folder / "study/study.csv")
    ours = rows[rows["source"] == "ours"].set_index(["row", "of"])["value"]
    records = pd.read_parquet(folder / "study/runs/grid+hog_cells=4-seed0/aligned.parquet")
    for split in ("train", "val", "test"):
        ranks = records.loc[records["split"] == split, "rank"].astype(float)
        assert ours["more", split] == pytest.approx(
            (1 / ranks).where(ranks <= 5, 0).mean(), abs=1e-6
        )
    better = "grid+hog_cells=4" if ours["more", "val"] > ours["few", "val"] else "grid"
    assert f"| the better ({better}) |" in printed
    assert rows.loc[rows["source"] == "published", "value"].tolist() == [0.5, 0.75]
    assert "How many cells" in (folder / "study/compare.html").read_text()


def test_a_verified_comparison_has_a_row_for_each_method_once_verified(
    compare: Compare, folder: Path
) -> None:
    words = ("grid.toml", "--seeds", 3, "--protocols", "hard", *COMMON, "--verify")
    status, printed, _ = compare(*words, out="verified")
    assert status == 0
    assert "image alone, verified" in printed
    assert "Verification" in printed
    record = pd.read_parquet(folder / "verified" / "runs" / "grid-seed3" / "hard.parquet")
    assert record["comparison"].unique().tolist() == ["image", "image, verified"]
    assert record["corner_error_m"].isna().all()  # a descriptor of whole tiles tells no more
    again, same, _ = compare(*words, out="verified")
    assert (again, same) == (0, printed)


def test_the_protocols_are_those_of_evaluate() -> None:
    assert set(CompareRequest().protocols) < set(PROTOCOLS)
    for protocol in PROTOCOLS:
        assert EvaluateConfig(protocol=protocol).protocol == protocol
    with pytest.raises(ConfigurationError, match="--protocols names 'mid'"):
        CompareRequest(protocols=("mid",))
