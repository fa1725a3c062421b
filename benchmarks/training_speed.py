"""Times epochs of the real training loop against the same steps on one batch that lies ready.

python benchmarks/training_speed.py [--places 252] [--tile-px 128] [--backbone resnet18]
    [--augment strong] [--device auto] [--precision auto] [--compile] [--rounds 5] [--profile]

The difference is what taking tiles out of memory, augmentation and the search for hard places cost:
at most 5% on a CPU and 25% on a GPU. Both take turns, so that a busy machine slows down both.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from aerialret.config import ModelConfig, TrainConfig
from aerialret.network.checkpoint import choose_device
from aerialret.network.model import DescriptorNetwork
from aerialret.network.weights import initial_network
from aerialret.training.loop import Training
from aerialret.training.pairs import Batch
from aerialret.training.training_data import DatePixels, PlacePixels

AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "aligned": {"turn_and_flip": True, "colour_jitter": 0.5, "shift_px": 4},
    "strong": {
        "turn_and_flip": True, "colour_jitter": 0.5, "shift_px": 4, "turn_deg": 180.0,
        "crop": 0.5, "zoom": 1.25, "grey_share": 0.3, "modality_dropout": 0.3,
    },
}  # fmt: skip


def main() -> None:
    """Trains some epochs both ways, prints seconds and their ratio."""
    options = _options()
    device = choose_device(options.device)
    config = TrainConfig(
        pairs_per_batch=options.pairs, precision=options.precision, compile=options.compile,
        negatives="batch", distance_on="unit", **AUGMENTATIONS[options.augment],
    )  # fmt: skip
    batch, steps = _full_batch(options.places, config)
    training = _training(options, config, device)
    places = _places(options.places, side=options.tile_px).to(device)
    training.epoch = config.mining_interval  # the next epoch begins with a search
    training.run_epoch(places)  # warm
    inputs, count = training.pictures(places, batch, np.random.default_rng(0))

    def real() -> None:
        training.run_epoch(places)

    def ready() -> None:
        losses = [training.descend(inputs, batch, count=count) for _ in range(steps)]
        torch.stack(losses).tolist()

    def pictures() -> None:
        rng = np.random.default_rng(0)
        for _ in range(steps):
            training.pictures(places, batch, rng)

    real_s, ready_s, search_s = [], [], []
    for number in range(options.rounds):
        training.epoch = config.mining_interval + (number > 0)  # one search for all rounds
        taken = _seconds(real, device)
        search_s += [training.mining_s] if number == 0 else []
        real_s.append(taken - training.mining_s)
        ready_s.append(_seconds(ready, device))
    plain, bare = statistics.median(real_s), statistics.median(ready_s)
    share = search_s[0] / config.mining_interval
    print(f"{len(places)} places, {options.tile_px} px, {options.backbone}, {device}, "
          f"{options.augment} augmentation, {steps} steps of {count} pictures")  # fmt: skip
    _line("steps on one batch that lies ready", bare, bare)
    _line("epoch without a search", plain, bare)
    _line(f"epoch and 1/{config.mining_interval} of a search", plain + share, bare)
    _line(
        "of which pictures", statistics.median(_seconds(pictures, device) for _ in range(3)), bare
    )
    _line(f"of which 1/{config.mining_interval} of a search", share, bare)
    print(f"{len(places) / (plain + share):.1f} places/s")
    if options.profile:
        _profile(real, device)


def _line(what: str, seconds: float, bare: float) -> None:
    print(f"{what:<36}{seconds:>9.3f} s{seconds / bare:>9.3f}")


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _full_batch(places: int, config: TrainConfig) -> tuple[Batch, int]:
    """A batch half of hard places, and how many of them an epoch has, none of them smaller."""
    random_pairs = config.pairs_per_batch - round(config.pairs_per_batch * config.hard_share)
    if places < config.pairs_per_batch or places % random_pairs:
        raise SystemExit(
            f"--places is {places}, but must be a multiple of {random_pairs} and at least "
            f"{config.pairs_per_batch}, so that every batch is full"
        )
    rows = np.random.default_rng(1).permutation(places)[: config.pairs_per_batch]
    return Batch(rows, np.roll(rows, 1)), places // random_pairs


def _training(options: argparse.Namespace, config: TrainConfig, device: torch.device) -> Training:
    model = ModelConfig(
        backbone=options.backbone, trunk=options.trunk, weights="none", head_padding=1
    )
    network = initial_network(model, tile_px=options.tile_px, seed=0)
    assert isinstance(network, DescriptorNetwork)
    return Training(network, config, places=options.places, device=device)


def _places(count: int, *, side: int) -> PlacePixels:
    """Noise of two dates that have nothing in common, so that every place is hard."""
    rng = np.random.default_rng(0)

    def date() -> DatePixels:
        images = rng.integers(0, 256, (count, 3, side, side), np.uint8)
        masks = rng.integers(0, 256, (count, 1, side, side), np.uint8)
        covered = torch.ones(count, dtype=torch.bool)
        return DatePixels(torch.from_numpy(images), torch.from_numpy(masks), covered)

    return PlacePixels(date(), date())


def _profile(work: Callable[[], None], device: torch.device) -> None:
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU]
    kinds += [ProfilerActivity.CUDA] if device.type == "cuda" else []
    with profile(activities=kinds) as seen:
        work()
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    print(seen.key_averages().table(sort_by=order, row_limit=25))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", type=int, default=252, help="all batches must be full")
    parser.add_argument("--tile-px", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--trunk", default="layer4")
    parser.add_argument("--augment", choices=sorted(AUGMENTATIONS), default="strong")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
