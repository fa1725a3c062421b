"""The command line keeps its contract: names, exit statuses, one clear line, nothing destroyed."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import typer.main
from rasterio.transform import from_origin

from aerialret.cli.app import app
from aerialret.cli.entry import main
from aerialret.cli.path_lists import spread
from tests.tiny_tileset import tiny_model, tiny_tileset

COMMANDS = (
    "init", "demo", "check", "ingest", "train", "index", "query", "evaluate", "score", "compare",
    "run", "info", "export stac", "export cog", "model import", "model card",
)  # fmt: skip


class Cli:
    """Runs the command line in this process, in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *words: object) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["aerialret", *map(str, words)])
        self.capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = self.capsys.readouterr()
        return status, out, err

    def refused(self, *words: object) -> str:
        """The one line that a refused request gives."""
        status, out, err = self(*words)
        assert status == 2, err
        assert out == ""
        lines = err.strip().splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("aerialret: ")
        return lines[0]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(capsys, monkeypatch)


def raster(path: Path, *, crs: str | None = "EPSG:2154", left: float = 900_000.0) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 96, 128), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=128, height=96, count=3, dtype="uint8", crs=crs,
        transform=from_origin(left, 6_800_064, 1, 1),
    ) as target:  # fmt: skip
        target.write(pixels)
    return path


def layer(path: Path, *, crs: str | None = "EPSG:2154", empty: bool = False) -> Path:
    squares = [] if empty else [shapely.box(900_010, 6_800_000, 900_050, 6_800_030)]
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = gpd.GeoDataFrame({"ID": np.arange(len(squares))}, geometry=squares, crs=crs)
    frame.to_file(path, driver="ESRI Shapefile" if path.suffix == ".shp" else "GPKG")
    return path


def published(folder: Path) -> dict[Path, bytes]:
    """Every file of an artefact but what a stopped step left for its continuation."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths if ".partial" not in str(path)}


INGEST = ("--tile-size-m", 32, "--tile-px", 32, "--origin", "900000,6800064")


def test_help_answers_without_importing_torch() -> None:
    program = (
        "import sys; sys.argv = ['aerialret', '--help']\n"
        "from aerialret.cli.entry import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'faiss', 'geopandas', 'rasterio', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_and_every_option(cli: Cli, command: str) -> None:
    status, out, _ = cli(*command.split(), "--help")
    assert status == 0
    assert f"Usage: aerialret {command} " in out
    described = typer.main.get_command(app)
    for word in command.split():
        described = described.commands[word]
    assert described.help
    assert [option.name for option in described.params if not getattr(option, "help", "x")] == []


@pytest.mark.parametrize("group", [(), ("export",), ("model",)])
def test_no_line_of_a_list_of_commands_is_cut_off(cli: Cli, group: tuple[str, ...]) -> None:
    _, out, _ = cli(*group, "--help")
    listed = out.split("Commands:")[1].strip().splitlines()
    assert listed
    assert [line for line in listed if "..." in line] == []


def test_option_defaults_are_those_of_the_configuration(cli: Cli) -> None:
    from aerialret.cli import ingesting, searching
    from aerialret.config import GridConfig, SourceConfig

    _, out, _ = cli("ingest", "--help")
    text = " ".join(out.split())
    assert f"[default: {GridConfig().tile_px}]" in text
    assert f"[default: {SourceConfig().min_valid}]" in text
    options = {option.name for option in typer.main.get_command(app).commands["ingest"].params}
    assert {spec.name for spec in fields(SourceConfig)} <= options
    assert {spec.name for spec in fields(GridConfig)} <= options
    assert ingesting._SOURCE == SourceConfig() == searching._SOURCE


def test_one_option_takes_several_paths_after_the_tile_set(cli: Cli, tmp_path: Path) -> None:
    raster(tmp_path / "a.tif")
    raster(tmp_path / "b.tif", left=900_128)
    status, _, err = cli("ingest", "t", "--date", 2004, "--ortho", "a.tif", "b.tif", *INGEST)
    assert status == 0
    assert "from 2 orthophotos" in err


def test_words_without_a_list_of_paths_stay_as_they_are() -> None:
    words = ["query", "a.tif", "b.tif", "--vectors", "c"]
    assert spread(words) == words
    assert spread(["ingest", "--ortho", "a", "t"]) == ["ingest", "--ortho", "a", "t"]
    assert spread(["ingest", "t", "--ortho", "a", "b", "--crs", "c"]) == [
        "ingest", "t", "--ortho", "a", "--ortho", "b", "--crs", "c",
    ]  # fmt: skip


def test_init_writes_an_explained_workspace_once(cli: Cli) -> None:
    assert cli("init")[0] == 0
    before = Path("aerialret.toml").read_text()
    assert "tile_size_m = 1000.0" in before
    assert "aerialret.toml exists" in cli.refused("init")
    assert Path("aerialret.toml").read_text() == before


PIPELINE = """
[grid]
tile_size_m = 32
tile_px = 32
origin = "900000,6800064"
[sources.2004]
ortho = ["ortho/2004"]
[sources.2019]
ortho = ["ortho/2019"]
[model]
backbone = "resnet18"
trunk = "layer3"
weights = "none"
head_filters = [8]
head_strides = [1]
head_padding = 1
dimensions = 8
[train]
epochs = 1
[split]
block_tiles = 1
buffer_tiles = 0
"""


@pytest.fixture
def imagery(tmp_path: Path) -> Path:
    raster(tmp_path / "ortho/2004/a.tif")
    raster(tmp_path / "ortho/2019/b.tif")
    return tmp_path


def test_a_workspace_needs_no_arguments(cli: Cli, imagery: Path) -> None:
    (imagery / "aerialret.toml").write_text(PIPELINE)
    for command in ("ingest", "train", "index", "evaluate"):
        status, _, err = cli(command)
        assert status == 0, err
    status, out, _ = cli("query", "ortho/2019/b.tif", "--format", "geojson", "--top", 3)
    assert status == 0
    found = json.loads(out)
    assert [feature["properties"]["rank"] for feature in found["features"]] == [1, 2, 3]
    for folder in ("tileset", "model", "index", "report"):
        status, out, err = cli("info", folder)
        assert status == 0
        assert json.loads(out)["kind"] == folder.replace("tileset", "tile_set")
        assert "whole" in err


def test_run_does_every_step_once(cli: Cli, imagery: Path) -> None:
    (imagery / "mine.toml").write_text(PIPELINE)
    status, _, err = cli("run", "mine.toml")
    assert status == 0, err
    before = published(imagery)
    status, _, err = cli("run", "mine.toml")
    assert status == 0, err
    assert err.count("up to date") == 2
    assert published(imagery) == before
    assert set(before) >= {imagery / "report" / "metrics.json", imagery / "index" / "vectors.faiss"}


def test_run_without_sources_says_what_to_add(cli: Cli) -> None:
    assert "[sources.YEAR]" in cli.refused("run", "rfiap2020")


@pytest.mark.parametrize("name", ["found.gpkg", "found.geojson", "found.parquet"])
def test_answers_are_written_as_layers(cli: Cli, tmp_path: Path, name: str) -> None:
    tiles = tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    tiny_model(tmp_path / "model", tiles)
    assert cli("index", "tiles", "--model", "model", "--out", "index")[0] == 0
    photo = raster(tmp_path / "photo.tif")
    status, out, _ = cli("query", photo, "--index", "index", "--out", name, "--format", "csv")
    assert status == 0
    assert len(out.splitlines()) == 6
    layer = gpd.read_parquet(name) if name.endswith("parquet") else gpd.read_file(name)
    assert layer["rank"].tolist() == [1, 2, 3, 4, 5]


def test_a_damaged_artefact_is_found(cli: Cli, tmp_path: Path) -> None:
    tiles = tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    model = tiny_model(tmp_path / "model", tiles)
    assert cli("info", model)[0] == 0
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    status, _, err = cli("info", model)
    assert status == 2
    assert "damaged" in err


@pytest.mark.parametrize("given", ["missing.tif", "empty_folder"])
def test_a_missing_orthophoto_is_one_line(cli: Cli, tmp_path: Path, given: str) -> None:
    (tmp_path / "empty_folder").mkdir()
    assert given in cli.refused("ingest", "tiles", "--date", 2004, "--ortho", given)
    assert not Path("tiles").exists()


def test_a_raster_without_crs_names_the_option(cli: Cli, tmp_path: Path) -> None:
    raster(tmp_path / "a.tif", crs=None)
    line = cli.refused("ingest", "tiles", "--date", 2004, "--ortho", "a.tif", *INGEST)
    assert "--ortho-crs" in line


def test_a_layer_without_crs_names_the_option(cli: Cli, tmp_path: Path) -> None:
    raster(tmp_path / "a.tif")
    layer(tmp_path / "houses.shp", crs=None)
    (tmp_path / "houses.prj").unlink(missing_ok=True)
    line = cli.refused(
        "ingest",
        "t",
        "--date",
        2004,
        "--ortho",
        "a.tif",
        "--vectors",
        "houses.shp=building",
        *INGEST,
    )
    assert "--vector-crs" in line


def test_an_empty_layer_is_named(cli: Cli, tmp_path: Path) -> None:
    raster(tmp_path / "a.tif")
    layer(tmp_path / "houses.gpkg", empty=True)
    line = cli.refused(
        "ingest", "t", "--date", 2004, "--ortho", "a.tif", "--vectors", "houses.gpkg=building",
        *INGEST,
    )  # fmt: skip
    assert "houses.gpkg" in line


def test_a_truncated_tiff_is_named_and_the_tile_set_stays(cli: Cli, tmp_path: Path) -> None:
    raster(tmp_path / "a.tif")
    assert cli("ingest", "t", "--date", 2004, "--ortho", "a.tif", *INGEST)[0] == 0
    before = published(Path("t"))
    whole = raster(tmp_path / "b.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 2])
    assert "b.tif" in cli.refused("ingest", "t", "--date", 2019, "--ortho", "b.tif")
    assert published(Path("t")) == before


def test_a_date_that_the_tile_set_lacks_is_named(cli: Cli, tmp_path: Path) -> None:
    tiles = tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    tiny_model(tmp_path / "model", tiles)
    line = cli.refused("index", "tiles", "--model", "model", "--out", "index", "--date", 1999)
    assert "1999" in line
    assert "2004, 2019" in line
    line = cli.refused(
        "evaluate", "tiles", "--model", "model", "--out", "r", "--queries", 2019, "--gallery", 1999
    )
    assert "1999" in line


def test_an_index_of_another_model_is_refused(cli: Cli, tmp_path: Path) -> None:
    tiles = tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    tiny_model(tmp_path / "one", tiles)
    tiny_model(tmp_path / "two", tiles, seed=1)
    assert cli("index", "tiles", "--model", "one", "--out", "index")[0] == 0
    line = cli.refused("evaluate", "tiles", "--model", "two", "--index", "index", "--out", "report")
    assert "was built from model" in line
    assert not Path("report").exists()


def test_an_unknown_key_in_a_recipe_is_named(cli: Cli, tmp_path: Path) -> None:
    tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    (tmp_path / "mine.toml").write_text("[train]\nepoch = 3\n")
    line = cli.refused("train", "tiles", "--out", "model", "--pipeline", "mine.toml")
    assert "unknown key 'train.epoch'" in line
    assert "'epochs'" in line


def test_a_folder_that_is_no_tile_set_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    assert "holiday is not a tile set" in cli.refused("train", "holiday", "--out", "model")


def test_outside_a_workspace_what_is_missing_is_asked_for(cli: Cli) -> None:
    assert "aerialret init" in cli.refused("index")
    assert "--date" in cli.refused("ingest", "tiles", "--ortho", "a.tif")


def test_a_rejected_photo_gives_status_1_and_the_others_are_answered(
    cli: Cli, tmp_path: Path
) -> None:
    tiles = tiny_tileset(tmp_path / "tiles", cols=3, rows=3)
    tiny_model(tmp_path / "model", tiles)
    cli("index", "tiles", "--model", "model", "--out", "index")
    good = raster(tmp_path / "good.tif")
    (tmp_path / "bad.tif").write_bytes(b"II*\0nothing")
    status, out, err = cli("query", good, "bad.tif", "--index", "index", "--format", "json")
    assert status == 1
    assert {json.loads(line)["query"] for line in out.splitlines()} == {str(good)}
    assert "bad.tif" in err
