"""Two processes train as one does, and end with one network."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aerialret.config import ModelConfig, TrainConfig
from aerialret.errors import ConfigurationError
from aerialret.network.model import DescriptorNetwork
from aerialret.network.weights import initial_network
from aerialret.training.distributed import World
from aerialret.training.loop import Training
from aerialret.training.training_data import DatePixels, PlacePixels

ROOT = Path(__file__).parents[1]
ROWS, STEPS = 7, 4


def network() -> nn.Module:
    """With batch norm that is frozen, and a part whose gradient every process knows whole."""
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)
    )
    return nn.ModuleDict({"body": body.eval(), "similarity": nn.Linear(5, 1)})


def loss(both: nn.Module, descriptors: Tensor) -> Tensor:
    """Of every pair in the batch, so that a process needs the rows of the others."""
    apart = (descriptors[:, None] - descriptors[None, :]).abs()
    logits = both["similarity"](apart).squeeze(2)  # type: ignore[index]
    same = torch.eye(len(descriptors)) + torch.eye(len(descriptors)).roll(1, 0)
    return nn.functional.binary_cross_entropy_with_logits(logits, same)


def train(world: World) -> dict[str, Tensor]:
    """A few steps, then the weights."""
    both = network()
    body, similarity = both["body"], both["similarity"]  # type: ignore[index]
    optimiser = torch.optim.SGD(both.parameters(), lr=0.3)
    rng = np.random.default_rng(3)
    for _ in range(STEPS):
        images = torch.from_numpy(rng.normal(size=(ROWS, 3, 8, 8)).astype(np.float32))
        mine = body(images[world.share(ROWS)])
        optimiser.zero_grad()
        loss(both, world.gather(mine, count=ROWS)).backward()
        world.sum_gradients(body.parameters())
        world.average_gradients(similarity.parameters())
        optimiser.step()
    return both.state_dict()


def real_network() -> DescriptorNetwork:
    """Without batch statistics that learn."""
    config = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="spatial", head_filters=(8,),
        head_strides=(1,), head_padding=1, head_batch_norm=False, dimensions=6,
    )  # fmt: skip
    network = initial_network(config, tile_px=32, seed=1)
    assert isinstance(network, DescriptorNetwork)
    return network


def real_training(world: World) -> dict[str, Tensor]:
    """Two epochs of the real loop, hard places and augmentation included."""
    config = TrainConfig(
        pairs_per_batch=5, mining_interval=1, accumulate=2, trunk_batch_norm="frozen",
        negatives="batch", distance_on="unit", rate_head=1e-3, rate_trunk=1e-3,
        rate_similarity=0.1, turn_and_flip=True, turn_deg=30.0, crop=0.7, colour_jitter=0.5,
        grey_share=0.4, modality_dropout=0.3, shift_px=2, precision="float32", device="cpu",
    )  # fmt: skip
    rng = np.random.default_rng(4)
    dates = [
        DatePixels(
            torch.from_numpy(rng.integers(0, 256, (9, 3, 32, 32), np.uint8)),
            torch.from_numpy(rng.integers(0, 256, (9, 1, 32, 32), np.uint8)),
            torch.from_numpy(rng.random(9) < 0.7),
        )
        for _ in range(2)
    ]
    device = torch.device("cpu")
    training = Training(real_network(), config, places=9, device=device, world=world)
    losses = [training.run_epoch(PlacePixels(*dates)) for _ in range(2)]
    told = {"losses": torch.tensor(losses), "hard": torch.from_numpy(training.knowledge.hard)}
    told["ranks"] = torch.from_numpy(training.ranks(PlacePixels(*dates)))
    objective = {f"objective.{n}": v for n, v in training.objective.state_dict().items()}
    return {**training.network.state_dict(), **objective, **told}


def in_processes(count: int, statement: str, folder: Path) -> list[str]:
    """Runs `statement` in each process, with `world` and `folder` at hand; what each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = (
        "import sys, torch; from pathlib import Path; torch.set_num_threads(1)\n"
        "from tests import test_distributed as own\n"
        "from aerialret.training.distributed import World\n"
        "folder, world = Path(sys.argv[1]), World.join()\n" + statement + "\nworld.leave()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={
                **os.environ, "PYTHONPATH": str(ROOT), "RANK": str(rank), "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            },
        )
        for rank in range(count)
    ]  # fmt: skip
    try:
        printed = [child.communicate(timeout=120)[0] for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0] * count
    return printed


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The weights of each of two processes, and what they said."""
    folder = tmp_path_factory.mktemp("two")
    said = in_processes(
        2,
        "torch.save(own.train(world), folder / f'{world.rank}.pt')\n"
        "torch.save(own.real_training(world), folder / f'real {world.rank}.pt')\n"
        "norm = torch.nn.BatchNorm1d(2); norm.running_mean += world.rank\n"
        "world.average_statistics(norm); world.barrier()\n"
        "told = world.broadcast_object({'from': world.rank})\n"
        "print(world.is_first, told, norm.running_mean.tolist(), world.share(5).tolist())",
        folder,
    )
    return folder, said


def test_two_processes_train_as_one_does(two: tuple[Path, list[str]]) -> None:
    alone, start = train(World()), network().state_dict()
    found = torch.load(two[0] / "0.pt", weights_only=True)
    for name, weight in alone.items():
        torch.testing.assert_close(found[name], weight, atol=1e-5, rtol=1e-5)
    moved = (alone["body.0.weight"] - start["body.0.weight"]).abs().max()
    assert moved > 1e-3


def test_both_processes_end_with_the_same_bits(two: tuple[Path, list[str]]) -> None:
    first, second = (torch.load(two[0] / f"{n}.pt", weights_only=True) for n in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_processes_run_the_real_loop_as_one_does(two: tuple[Path, list[str]]) -> None:
    alone, start = real_training(World()), real_network().state_dict()
    first, second = (torch.load(two[0] / f"real {n}.pt", weights_only=True) for n in range(2))
    for name, weight in alone.items():
        # Looser than above: Adam makes steps of one size even where gradients are rounding errors.
        torch.testing.assert_close(first[name], weight, atol=1e-4, rtol=1e-3)
        assert torch.equal(first[name], second[name]), name
    assert len(alone["hard"]) > 0
    assert (alone["trunk.stem.0.weight"] - start["trunk.stem.0.weight"]).abs().max() > 1e-3


def test_the_first_process_tells_and_statistics_are_averaged(two: tuple[Path, list[str]]) -> None:
    assert two[1] == [
        "True {'from': 0} [0.5, 0.5] [0, 2, 4]\n",
        "False {'from': 0} [0.5, 0.5] [1, 3]\n",
    ]


def test_one_process_alone_needs_no_connection() -> None:
    world = World.join()
    rows = torch.rand(3, 2, requires_grad=True)
    assert (world.size, world.is_first, world.share(4).tolist()) == (1, True, [0, 1, 2, 3])
    assert world.gather(rows, count=3) is rows
    assert world.broadcast_object("as it is") == "as it is"
    assert world.device(torch.device("cuda")) == torch.device("cuda")
    world.barrier()
    world.leave()
    assert not torch.distributed.is_initialized()


def test_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigurationError, match="WORLD_SIZE is 2, but RANK is not set"):
        World.join()


def test_each_process_has_a_gpu_of_its_own() -> None:
    world = World(rank=5, size=8, local_rank=1)
    assert world.device(torch.device("cuda")) == torch.device("cuda", 1)
    assert world.device(torch.device("cpu")) == torch.device("cpu")
