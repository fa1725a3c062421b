"""Weights of others become models: what fits is taken over, what does not is told."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.numpy
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from aerialret.atomic import staging_folder
from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig, Pipeline
from aerialret.errors import (
    ConfigurationError,
    MissingInputError,
    UnreadableInputError,
    WouldOverwriteError,
)
from aerialret.evaluation.evaluate import evaluate
from aerialret.network.checkpoint import WEIGHTS_NAME, load_model
from aerialret.network.importing.fitting import nearest_backbone
from aerialret.network.importing.import_model import import_model
from aerialret.network.importing.matching import WeightsReport, fill
from aerialret.network.importing.names import our_names, stage_of
from aerialret.network.importing.sources import SourceWeights, read_source
from aerialret.network.weights import initial_network, random_network
from aerialret.querying.query import query
from aerialret.recipes import find_recipe
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import read_recipe
from aerialret.retrieval.index_store import load_index
from aerialret.wholeness import damage
from tests.test_cli import Cli, cli  # noqa: F401  (a fixture)
from tests.tiny_tileset import tiny_grid, tiny_model, tiny_tileset

State = Mapping[str, Tensor]

PLAIN = ModelConfig(
    input="image", backbone="resnet18", trunk="layer3", weights="none", head="average"
)
WHOLE = ModelConfig(input="image", backbone="resnet18", weights="none", head="average")
SETS = (
    "--set", "model.backbone=resnet18", "--set", "model.trunk=layer3",
    "--set", "model.head=average",
)  # fmt: skip


def torchvision_state(backbone: str = "resnet18", seed: int = 3) -> dict[str, Tensor]:
    """A state dict whose batch normalisation is not the initial one either."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = getattr(torchvision.models, backbone)(weights=None).state_dict()
        vectors = {n: v + 0.1 * torch.rand(v.shape) for n, v in state.items() if v.ndim == 1}
        return {**state, **vectors}


def shapes_of(backbone: str) -> dict[str, Tensor]:
    """A state dict of zeros."""
    with torch.device("meta"):
        state = getattr(torchvision.models, backbone)(weights=None).state_dict()
    return {name: torch.zeros(value.shape) for name, value in state.items()}


def imported(state: State, config: ModelConfig = PLAIN) -> tuple[nn.Module, WeightsReport]:
    network = random_network(config, tile_px=32, seed=0)
    return network, fill(network, state, source="it")


def source(state: State, name: str = "weights.pth") -> SourceWeights:
    return SourceWeights(name=name, tensors=state)


def layer1(network: nn.Module) -> Tensor:
    weight: Tensor = network.state_dict()["trunk.layer1.1.conv2.weight"]
    return weight


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "backbone.", "encoder.", "model.", "_orig_mod.", "trunk.", "resnet.",
     "module.model.backbone.", "_orig_mod.module.encoder."],
)  # fmt: skip
def test_wrappers_around_a_resnet_change_nothing(prefix: str) -> None:
    state = torchvision_state()
    network, report = imported({prefix + name: value for name, value in state.items()}, WHOLE)
    assert report.missing == report.wrong_shape == ()
    assert torch.equal(layer1(network), state["layer1.1.conv2.weight"])
    assert sorted(report.unused) == [f"{prefix}fc.bias", f"{prefix}fc.weight"]


def test_a_filled_network_describes_as_torchvision_does() -> None:
    resnet = torchvision.models.resnet18(weights=None).eval()
    resnet.load_state_dict(torchvision_state())
    network = imported(resnet.state_dict(), WHOLE)[0].eval()
    pixels = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    resnet.fc = nn.Identity()
    with torch.inference_mode():
        mean, std = network.mean, network.std
        torch.testing.assert_close(network(pixels, pixels[:, :1]), resnet((pixels - mean) / std))


def test_timms_resnet_fits_as_it_is() -> None:
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    network, report = imported(state, WHOLE)
    assert report.trunk_share == 1
    assert report.missing == ()
    for name, value in network.trunk.state_dict().items():
        theirs = name.replace("stem.0", "conv1").replace("stem.1", "bn1")
        assert torch.equal(value, state[theirs]), name


def test_a_sequence_of_a_resnets_children_fits() -> None:
    resnet = torchvision.models.resnet18(weights=None)
    children = nn.Sequential(*list(resnet.children())[:-2])
    network, report = imported(children.state_dict(), WHOLE)
    assert report.missing == report.unused == ()
    assert torch.equal(layer1(network), resnet.layer1[1].conv2.weight)


def test_every_tensor_is_told_exactly_once() -> None:
    state = torchvision_state()
    state["layer2.0.conv1.weight"] = torch.rand(7, 5, 3, 1)
    del state["layer3.1.bn2.weight"]
    network, report = imported(state)
    own = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    wrong = [odd.name for odd in report.wrong_shape]
    assert sorted([*report.loaded, *report.missing, *wrong]) == sorted(own)
    assert report.missing == ("trunk.layer3.1.bn2.weight",)
    assert wrong == ["trunk.layer2.0.conv1.weight"]
    assert report.wrong_shape[0].found == (7, 5, 3, 1)
    assert report.wrong_shape[0].wanted == (128, 64, 3, 3)
    assert {stage_of(name) for name in report.unused} == {"layer4", "fc"}


def test_what_does_not_fit_keeps_its_initial_values() -> None:
    before = random_network(PLAIN, tile_px=32, seed=0).state_dict()
    state = torchvision_state()
    state["conv1.weight"] = state["conv1.weight"].sum(dim=1, keepdim=True)
    after = imported(state)[0].state_dict()
    assert torch.equal(after["trunk.stem.0.weight"], before["trunk.stem.0.weight"])
    assert not torch.equal(after["trunk.stem.1.weight"], before["trunk.stem.1.weight"])


def test_a_person_reads_the_report_stage_by_stage() -> None:
    state = torchvision_state()
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    assert imported(state)[1].lines() == [
        "weights from it",
        "  loaded       74: stem 4, layer1 20, layer2 25, layer3 25",
        "  wrong shape  1: stem 1 (keep them, too)",
        "    trunk.stem.0.weight is 64x1x7x7, wanted 64x3x7x7",
        "  unused       27: fc 2, layer4 25",
    ]


def test_many_wrong_shapes_are_shortened_for_a_person_but_not_for_a_machine() -> None:
    state = torchvision_state()
    state |= {n: v[:, :1] for n, v in state.items() if n.startswith("layer3") and v.ndim == 4}
    report = imported(state)[1]
    assert sum("wanted" in line for line in report.lines()) == 3
    assert "    and 2 more of layer3" in report.lines()
    assert len(report.to_plain()["wrong_shape"]) == 5
    json.dumps(report.to_plain())


def test_half_precision_is_widened() -> None:
    state = {name: value.half() for name, value in torchvision_state().items()}
    network, _ = imported(state)
    assert layer1(network).dtype == torch.float32
    torch.testing.assert_close(layer1(network), state["layer1.1.conv2.weight"].float())


def test_of_two_networks_in_one_source_the_fuller_one_is_taken() -> None:
    state = torchvision_state()
    half = {f"encoder.{n}": v + 1 for n, v in state.items() if n.startswith(("conv1", "layer1"))}
    both = half | {f"backbone.{name}": value for name, value in state.items()}
    network, report = imported(both)
    assert torch.equal(layer1(network), state["layer1.1.conv2.weight"])
    assert "encoder.conv1.weight" in report.unused


def test_a_head_of_others_is_not_taken_for_ours() -> None:
    config = ModelConfig(
        input="image", backbone="resnet18", trunk="layer3", weights="none",
        head="average", head_linear=True, dimensions=6,
    )  # fmt: skip
    own = random_network(config, tile_px=32, seed=0).state_dict()
    state = torchvision_state()
    alien = {"head.1.weight": torch.rand(own["head.1.weight"].shape)}
    assert "head.1.weight" in own
    assert "head.1.weight" not in our_names({**state, **alien}, own=own)


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("trunk", ["layer3", "layer4"])
def test_the_nearest_backbone_is_the_one_it_is_from(backbone: str, trunk: str) -> None:
    best = nearest_backbone(shapes_of(backbone), ModelConfig(trunk=trunk))
    assert (best.backbone, best.agreement) == (backbone, 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("resnet18", "resnet34"), ("resnet34", "resnet18"), ("resnet50", "resnet18")],
)
def test_another_backbone_is_refused_and_named(theirs: str, ours: str, tmp_path: Path) -> None:
    state = shapes_of(theirs)
    pipeline = Pipeline(model=ModelConfig(input="image", backbone=ours, head="average"))
    with pytest.raises(ConfigurationError, match=f"not fit {ours}.*model.backbone={theirs}"):
        import_model(source(state), tmp_path / "m", pipeline=pipeline, grid=tiny_grid())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_resnet_is_refused(tmp_path: Path) -> None:
    pipeline = Pipeline(model=PLAIN)
    for state, message in (
        (shapes_of("squeezenet1_1"), "no ResNet's names"),
        (shapes_of("wide_resnet50_2"), "does not fit either"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            import_model(source(state), tmp_path / "m", pipeline=pipeline, grid=tiny_grid())


def test_a_classical_method_takes_no_weights(tmp_path: Path) -> None:
    pipeline = Pipeline(model=ModelConfig(method="hog", input="image"))
    with pytest.raises(ConfigurationError, match=r"model\.method is 'hog', which takes none"):
        import_model(
            source(torchvision_state()), tmp_path / "m", pipeline=pipeline, grid=tiny_grid()
        )


@pytest.mark.parametrize("key", ["", "state_dict", "model", "model_state_dict", "network"])
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_a_checkpoint_gives_the_state_dict_inside(key: str, suffix: str, tmp_path: Path) -> None:
    state = torchvision_state()
    path = tmp_path / f"checkpoint{suffix}"
    torch.save({key: state, "epoch": torch.tensor(3)} if key else state, path)
    read = read_source(str(path))
    assert read.name == path.name
    assert set(read.tensors) == set(state)
    assert torch.equal(read.tensors["conv1.weight"], state["conv1.weight"])


def test_a_nested_checkpoint_and_safetensors_hold_the_same(tmp_path: Path) -> None:
    state = torchvision_state()
    torch.save({"model": {"state_dict": state}}, tmp_path / "a.pth")
    save_file(state, tmp_path / "b.safetensors")
    first, second = (read_source(str(tmp_path / name)) for name in ("a.pth", "b.safetensors"))
    assert first.content_hash == second.content_hash
    state["conv1.weight"] = state["conv1.weight"] + 1
    assert source(state).content_hash != first.content_hash


def test_objects_besides_tensors_are_never_unpickled(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18(weights=None), tmp_path / "module.pth")
    words = r"module\.pth is no state dict.*torch\.save"
    with pytest.raises(UnreadableInputError, match=words) as told:
        read_source(str(tmp_path / "module.pth"))
    assert "weights_only" not in str(told.value)  # nor is anybody advised to


def test_files_without_weights_are_named_with_what_they_hold(tmp_path: Path) -> None:
    torch.save({"optimizer": {"lr": 1.0}, "epoch": 2}, tmp_path / "other.pth")
    with pytest.raises(UnreadableInputError, match=r"other\.pth.*holds optimizer, epoch"):
        read_source(str(tmp_path / "other.pth"))
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(UnreadableInputError, match="holds nothing"):
        read_source(str(tmp_path / "empty.pth"))
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(UnreadableInputError, match=r"broken\.safetensors is no state dict"):
        read_source(str(tmp_path / "broken.safetensors"))
    with pytest.raises(MissingInputError, match="no such file or folder"):
        read_source(str(tmp_path / "gone.pth"))
    with pytest.raises(MissingInputError, match=r"holds no model\.safetensors"):
        read_source(str(tmp_path))


def test_weights_of_torchvision_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(url: str, **_: object) -> dict[str, Tensor]:
        asked.append(url)
        return torchvision_state()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", answer)
    assert set(read_source("torchvision:resnet18").tensors) == set(torchvision_state())
    read_source("torchvision:resnet50.IMAGENET1K_V2")
    assert asked == [
        torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url,
        torchvision.models.ResNet50_Weights.IMAGENET1K_V2.url,
    ]


def test_libraries_that_do_not_know_a_name_say_so() -> None:
    with pytest.raises(ConfigurationError, match="torchvision has no model 'resnet19'"):
        read_source("torchvision:resnet19")
    with pytest.raises(ConfigurationError, match="no weights 'V9' of resnet18, but IMAGENET1K_V1"):
        read_source("torchvision:resnet18.V9")
    with pytest.raises(ConfigurationError, match=r"timm .* has no model 'resnet19'"):
        read_source("timm:resnet19")


def test_a_failed_download_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    cli: Cli,  # noqa: F811
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network\nhere")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    monkeypatch.setattr(timm, "create_model", fail)
    for name in ("torchvision:resnet18", "timm:resnet18.a1_in1k"):
        line = cli.refused("model", "import", name, "--out", "m", "--crs", "EPSG:2154", *SETS)
        assert f"the weights {name} cannot be downloaded (<urlopen error no network here>)" in line
    assert not Path("m").exists()


def test_without_timm_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigurationError, match="pip install timm"):
        read_source("timm:resnet18.a1_in1k")


def test_timms_weights_are_read_through_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    real = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: real("resnet18"))
    assert set(read_source("timm:resnet18.a1_in1k").tensors) == set(torchvision_state())


def test_an_imported_model_is_whole_and_knows_no_place(tmp_path: Path) -> None:
    state = torchvision_state()
    out = tmp_path / "model"
    outcome = import_model(source(state), out, pipeline=Pipeline(model=PLAIN), grid=tiny_grid())
    assert (out / WEIGHTS_NAME).stat().st_mode & 0o777 == 0o666 & ~_umask()
    model = load_model(out, device="cpu")
    assert damage(out, model.manifest) is None
    assert len(model.split) == 0
    assert model.grid == tiny_grid()
    assert model.config.weights == "weights.pth"
    assert model.manifest.facts["import"] == outcome.facts
    assert outcome.facts["sha256"] == source(state).content_hash
    assert torch.equal(layer1(model.network), state["layer1.1.conv2.weight"])


def test_the_weights_open_with_safetensors_alone(tmp_path: Path) -> None:
    state = torchvision_state()
    import_model(source(state), tmp_path / "m", pipeline=Pipeline(model=PLAIN), grid=tiny_grid())
    arrays = safetensors.numpy.load_file(tmp_path / "m" / WEIGHTS_NAME)
    assert all(isinstance(value, np.ndarray) for value in arrays.values())
    found = arrays["trunk.layer1.1.conv2.weight"]
    np.testing.assert_array_equal(found, state["layer1.1.conv2.weight"].numpy())


def test_the_same_import_gives_the_same_bytes_and_another_is_refused(tmp_path: Path) -> None:
    state, pipeline = torchvision_state(), Pipeline(model=PLAIN)
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        import_model(source(state), out, pipeline=pipeline, grid=tiny_grid())
    assert _content(first) == _content(second)
    again = import_model(source(state), first, pipeline=pipeline, grid=tiny_grid())
    assert again.up_to_date
    with pytest.raises(WouldOverwriteError, match="another source, configuration or grid"):
        import_model(source(state), first, pipeline=pipeline, grid=tiny_grid(tile_px=64))
    assert _content(first) == _content(second)
    import_model(source(state), first, pipeline=pipeline, grid=tiny_grid(tile_px=64), replace=True)
    assert load_model(first, device="cpu").grid.tile_px == 64


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WouldOverwriteError):
        import_model(
            source(torchvision_state()), tmp_path, pipeline=Pipeline(model=PLAIN),
            grid=tiny_grid(), replace=True,
        )  # fmt: skip
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_unfinished_training_beside_it_is_left_alone(tmp_path: Path) -> None:
    unfinished = staging_folder(tmp_path / "m") / "state.pt"
    unfinished.parent.mkdir()
    unfinished.write_bytes(b"epoch 7")
    import_model(
        source(torchvision_state()),
        tmp_path / "m",
        pipeline=Pipeline(model=PLAIN),
        grid=tiny_grid(),
    )
    assert unfinished.read_bytes() == b"epoch 7"
    assert {path.name for path in tmp_path.iterdir()} == {"m", ".m.partial"}


def test_index_query_and_evaluate_accept_an_imported_model(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles")
    import_model(
        source(torchvision_state()), tmp_path / "m", pipeline=Pipeline(model=PLAIN),
        grid=tileset.grid,
    )  # fmt: skip
    model = load_model(tmp_path / "m", device="cpu")
    recipe = read_recipe(find_recipe("index", "flat"))
    build_index(tileset, model, tmp_path / "index", config=IndexConfig(), recipe=recipe)
    tile = tileset.tiles("2004")[5]
    pixels = tileset.read("2004", [tile]).images[0].transpose(1, 2, 0)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    answer = query([tmp_path / "photo.png"], index=load_index(tmp_path / "index"), top=3)
    assert answer.answers[0].hits[0].place == tile.place
    figures = evaluate(tileset, model, tmp_path / "report", config=EvaluateConfig(worst=1))
    assert figures["scope"] == "unseen"
    assert set(figures["splits"]) == {"unseen", "all"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_told_in_one_line(
    bad: float,
    cli: Cli,  # noqa: F811
) -> None:
    tiny_tileset(Path("tiles"), cols=3, rows=2)
    state = torchvision_state()
    state["layer2.0.conv1.weight"][3, 1] = bad
    torch.save(state, "weights.pth")
    assert cli("model", "import", "weights.pth", "--out", "m", "--tileset", "tiles", *SETS)[0] == 0
    for words in (
        ("evaluate", "tiles", "--model", "m", "--out", "r"),
        ("index", "tiles", "--model", "m", "--out", "i"),
        ("index", "tiles", "--model", "m", "--out", "i", "--stride", 0.5),
    ):
        assert "model m describes" in (line := cli.refused(*words))
        assert "infinite or no numbers" in line
    assert not Path("r").exists()
    assert not Path("i").exists()


def test_a_model_folder_is_imported_whole(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", cols=2, rows=2)
    folder = tiny_model(tmp_path / "theirs", tileset, seed=4)
    read = read_source(str(folder))
    assert read.manifest is not None
    config = load_model(folder, device="cpu").config
    outcome = import_model(read, tmp_path / "m", pipeline=Pipeline(model=config), grid=tileset.grid)
    assert outcome.report is not None
    assert outcome.report.missing == outcome.report.unused == outcome.notes == ()
    ours, theirs = (load_model(f, device="cpu").network for f in (tmp_path / "m", folder))
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_notes_say_what_stays_random(tmp_path: Path) -> None:
    state = torchvision_state()
    del state["layer1.0.conv1.weight"]
    config = ModelConfig(
        input="image", backbone="resnet18", trunk="layer3", head_filters=(4,), head_strides=(1,),
        head_padding=1, dimensions=4, whitening=True,
    )  # fmt: skip
    outcome = import_model(
        source(state), tmp_path / "m", pipeline=Pipeline(model=config), grid=tiny_grid()
    )
    told = "\n".join(outcome.notes)
    assert "7% of the trunk's convolutions keep random values" in told
    assert "the head keeps random values" in told
    assert "whitening" in told


def test_training_is_told_what_of_its_weights_fitted(tmp_path: Path) -> None:
    torch.save(torchvision_state(), tmp_path / "weights.pth")
    config = ModelConfig(
        input="image", backbone="resnet18", trunk="layer3", head="average",
        weights=str(tmp_path / "weights.pth"),
    )  # fmt: skip
    told: list[WeightsReport] = []
    initial_network(config, tile_px=32, seed=0, on_weights=told.append)
    assert [report.trunk_share for report in told] == [1]
    initial_network(PLAIN, tile_px=32, seed=0, on_weights=told.append)
    assert len(told) == 1


def test_the_command_that_trains_tells_what_fitted(cli: Cli) -> None:  # noqa: F811
    torch.save(torchvision_state(), "weights.pth")
    tiny_tileset(Path("tiles"))
    status, out, err = cli(
        "train", "tiles", "--out", "m", "--epochs", 0, *SETS, "--set", "model.weights=weights.pth",
        "--set", "split.block_tiles=2", "--set", "split.buffer_tiles=0",
    )  # fmt: skip
    assert (status, out) == (0, "")
    assert "weights from weights.pth" in err
    assert "  unused       27: fc 2, layer4 25" in err
    assert "| Initial weights | weights.pth |" in Path("m", "README.md").read_text()


def test_the_command_tells_people_on_stderr_and_machines_on_stdout(
    cli: Cli,  # noqa: F811
) -> None:
    torch.save(torchvision_state(), "weights.pth")
    words = ("model", "import", "weights.pth", "--out", "m", "--crs", "EPSG:2154", *SETS)
    status, out, err = cli(*words, "--format", "json", "--tile-px", 32)
    assert status == 0
    assert "  unused       27: fc 2, layer4 25" in err
    told = json.loads(out)
    assert told["model"] == "m"
    assert told["loaded_by_stage"] == {"stem": 5, "layer1": 20, "layer2": 25, "layer3": 25}
    assert told["missing"] == ["fusion.weight"]
    status, out, err = cli(*words, "--tile-px", 32)
    assert (status, out) == (0, "")
    assert "up to date" in err
    line = cli.refused(*words, "--tile-px", 64)
    assert "another source, configuration or grid" in line


def test_the_command_needs_a_grid_and_takes_that_of_a_tile_set(
    cli: Cli,  # noqa: F811
) -> None:
    torch.save(torchvision_state(), "weights.pth")
    words = ("model", "import", "weights.pth", "--out", "m", *SETS)
    assert "needs a grid" in cli.refused(*words)
    assert "its origin is not known" in cli.refused(
        *words, "--crs", "EPSG:2154", "--origin", "auto"
    )
    tileset = tiny_tileset(Path("tiles"), cols=2, rows=2)
    line = cli.refused(*words, "--tileset", "tiles", "--tile-px", 64)
    assert "leave out --tile-px" in line
    assert cli(*words, "--tileset", "tiles")[0] == 0
    assert load_model(Path("m"), device="cpu").grid == tileset.grid


def test_a_model_folder_brings_its_own_method_and_grid(cli: Cli) -> None:  # noqa: F811
    tileset = tiny_tileset(Path("tiles"), cols=2, rows=2)
    tiny_model(Path("theirs"), tileset, network_input="image")
    assert cli("model", "import", "theirs", "--out", "same")[0] == 0
    same = load_model(Path("same"), device="cpu")
    assert (same.grid, same.config.input) == (tileset.grid, "image")
    assert cli("model", "import", "theirs", "--out", "finer", "--tile-px", 64)[0] == 0
    finer = load_model(Path("finer"), device="cpu").grid
    assert (finer.tile_px, finer.crs, finer.origin_x_m) == (64, "EPSG:2154", 900_000)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
