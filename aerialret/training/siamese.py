"""The siamese training, epoch by epoch: places go in, a better network comes out.

RFIAP 2020, sections 4 and 5. All randomness of an epoch derives from (seed, epoch), so that a
training that is resumed at an epoch goes on as if it had never stopped.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.network.inputs import fill_absent
from aerialret.network.model import (
    TRUNK_STAGES,
    DescriptorNetwork,
    Similarity,
)
from aerialret.retrieval.metrics import ranks_of_truth
from aerialret.training.augment import jitter_colours, shift, turn_and_flip
from aerialret.training.losses import batch_negatives, hardest_negatives, pair_loss
from aerialret.training.pairs import Batch, batches, hard_places
from aerialret.training.training_data import DatePixels, PlacePixels

DESCRIBE_AT_ONCE = 32

_ALIKE_AT_BOTH_DATES = 0.5


class SiameseTraining:
    """A network in training.

    Attributes:
        network: G_W.
        similarity: The layer on |G(a) - G(b)|.
        epoch: Epochs done.
        hard: Rows of the training places that are hard, as of the last search.
    """

    def __init__(
        self, network: DescriptorNetwork, config: TrainConfig, *, device: torch.device
    ) -> None:
        self.config = config
        self.device = device
        self.network: DescriptorNetwork = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.similarity = Similarity(network.length).to(device)
        _freeze(network, config)
        self.optimiser = torch.optim.Adam(
            rate_groups(network, self.similarity, config), weight_decay=config.weight_decay
        )
        self.epoch = 0
        self.hard: NDArray[np.int64] = np.empty(0, np.int64)

    def run_epoch(
        self, places: PlacePixels, *, progress: Callable[[int, int], None] | None = None
    ) -> float:
        """One pass over `places`; the mean loss of its batches.

        The hard places are searched anew first where the interval says so.
        """
        config = self.config
        if self.epoch and self.epoch % config.mining_interval == 0 and config.hard_share > 0:
            self.hard = hard_places(self.ranks(places), below=config.hard_below)
        rng = np.random.default_rng([config.seed, self.epoch])
        self._set_rates()
        self._train_mode()
        losses = []
        plan = list(self._plan(len(places), rng))
        for done, batch in enumerate(plan, start=1):
            losses.append(self._step(places, batch, rng))
            if progress:
                progress(done, len(plan))
        self.epoch += 1
        return float(np.mean(losses)) if losses else float("nan")

    def ranks(self, places: PlacePixels) -> NDArray[np.int64]:
        """The rank of each place's gallery tile among all of `places`, by cosine similarity."""
        query, gallery = self.describe(places.query), self.describe(places.gallery)
        return ranks_of_truth(query, gallery, np.arange(len(query)))

    def describe(self, pixels: DatePixels) -> NDArray[np.float32]:
        """Unit descriptors with every modality that is there: float32 [n, R]."""
        self.network.eval()
        parts = []
        for start in range(0, len(pixels), DESCRIBE_AT_ONCE):
            rows = np.arange(start, min(start + DESCRIBE_AT_ONCE, len(pixels)))
            image, mask, has_mask = self._floats(pixels, rows)
            present = torch.ones_like(has_mask)
            inputs = fill_absent(image, mask, has_image=present, has_mask=has_mask)
            with torch.inference_mode(), self._autocast():
                parts.append(normalize(self.network(*inputs).float(), dim=1).cpu().numpy())
        length = self.network.length
        return np.concatenate(parts) if parts else np.empty((0, length), np.float32)

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "network": self.network.state_dict(),
            "similarity": self.similarity.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "hard": torch.from_numpy(self.hard),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up the training where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.similarity.load_state_dict(state["similarity"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch = state["epoch"]
        self.hard = state["hard"].numpy()

    def _plan(self, count: int, rng: np.random.Generator) -> Iterator[Batch]:
        config = self.config
        return batches(
            count, hard=self.hard, pairs_per_batch=config.pairs_per_batch,
            hard_share=config.hard_share, rng=rng,
        )  # fmt: skip

    def _step(self, places: PlacePixels, batch: Batch, rng: np.random.Generator) -> float:
        """One descent on one batch."""
        sampled = self.config.negatives == "sampled"
        rows = np.concatenate([batch.places, batch.strangers]) if sampled else batch.places
        n = len(batch.places)
        descriptors = self._embed(places, rows, n, rng)
        query, gallery = descriptors[: len(rows)], descriptors[len(rows) :]
        negatives = self._negatives(query, gallery, torch.from_numpy(rows).to(self.device))
        loss = pair_loss(self.similarity, (query[:n], gallery), negatives)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.item()

    def _negatives(self, query: Tensor, gallery: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of different places: two float [m, R]."""
        n = len(gallery)
        if self.config.negatives == "sampled":
            return query[:n], query[n:]
        if self.config.negatives == "hardest":
            return hardest_negatives(self.similarity, query, gallery, rows)
        return batch_negatives(query, gallery, rows)

    def _embed(
        self, places: PlacePixels, rows: NDArray[np.int64], n: int, rng: np.random.Generator
    ) -> Tensor:
        """Descriptors of `rows` at the query date, then of the first `n` at the gallery date."""
        draws = _Draws.of(len(rows), self.config, rng)
        query = self._augmented(places.query, rows, draws, rng)
        gallery = self._augmented(
            places.gallery, rows[:n], draws.first(n).at_another_date(self.config, rng), rng
        )
        image, mask = (torch.cat(pair) for pair in zip(query, gallery, strict=True))
        with self._autocast():
            descriptors: Tensor = self.network(image, mask)
        if self.config.distance_on == "unit":
            return normalize(descriptors.float(), dim=1) * math.sqrt(descriptors.shape[1])
        return descriptors.float()

    def _augmented(
        self, pixels: DatePixels, rows: NDArray[np.int64], draws: "_Draws", rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        image, mask, has_mask = self._floats(pixels, rows)
        both = torch.cat([image, mask], dim=1)
        if self.config.turn_and_flip:
            both = turn_and_flip(both, draws.turns)
        if self.config.shift_px:
            reach = self.config.shift_px
            both = shift(both, rng.integers(-reach, reach + 1, (len(rows), 2)))
        image, mask = both[:, :3], both[:, 3:]
        if self.config.colour_jitter:
            image = jitter_colours(image, strength=self.config.colour_jitter, rng=rng)
        has_image = torch.from_numpy(draws.keeps_image).to(self.device) | ~has_mask
        keeps_mask = torch.from_numpy(draws.keeps_mask).to(self.device) & has_mask
        image, mask = fill_absent(image, mask, has_image=has_image, has_mask=keeps_mask)
        return (
            image.contiguous(memory_format=torch.channels_last),
            mask.contiguous(memory_format=torch.channels_last),
        )

    def _floats(self, pixels: DatePixels, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        image = pixels.images[chosen].to(self.device).float().div(255)
        mask = pixels.masks[chosen].to(self.device).float().div(255)
        return image, mask, pixels.has_mask[chosen].to(self.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=uses_bfloat16(self.config.precision, self.device),
        )

    def _set_rates(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * self._decay()

    def _decay(self) -> float:
        if self.config.rate_decay == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * self.epoch / max(self.config.epochs, 1)))

    def _train_mode(self) -> None:
        self.network.train()
        if self.config.trunk_batch_norm == "frozen":
            for module in self.network.trunk.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


class _Draws:
    """A place's turn, which all its dates share, and the modalities it keeps."""

    def __init__(
        self,
        turns: NDArray[np.int64],
        keeps_image: NDArray[np.bool_],
        keeps_mask: NDArray[np.bool_],
    ) -> None:
        self.turns, self.keeps_image, self.keeps_mask = turns, keeps_image, keeps_mask

    @classmethod
    def of(cls, count: int, config: TrainConfig, rng: np.random.Generator) -> "_Draws":
        fate = rng.random(count)
        half = config.modality_dropout / 2
        return cls(rng.integers(0, 8, count), fate >= half, (fate < half) | (fate >= 2 * half))

    def first(self, n: int) -> "_Draws":
        return _Draws(self.turns[:n], self.keeps_image[:n], self.keeps_mask[:n])

    def at_another_date(self, config: TrainConfig, rng: np.random.Generator) -> "_Draws":
        """The same turns; half of the places lose other modalities at this date.

        The index holds image and mask while a photo may come without: both sides must meet.
        """
        other = _Draws.of(len(self.turns), config, rng)
        alike = rng.random(len(self.turns)) < _ALIKE_AT_BOTH_DATES
        return _Draws(
            self.turns,
            np.where(alike, self.keeps_image, other.keeps_image),
            np.where(alike, self.keeps_mask, other.keeps_mask),
        )


def rate_groups(
    network: DescriptorNetwork, similarity: Similarity, config: TrainConfig
) -> list[dict[str, Any]]:
    """Adam's parameter groups, each with its own rate; parameters that stay fixed are left out."""
    parts: list[tuple[nn.Module | None, float]] = [
        (network.fusion, config.rate_fusion),
        (network.trunk, config.rate_trunk),
        (network.head, config.rate_head),
        (similarity, config.rate_similarity),
    ]
    groups = []
    for module, rate in parts:
        trained = [p for p in module.parameters() if p.requires_grad] if module else []
        if trained:
            groups.append({"params": trained, "lr": rate, "rate": rate})
    return groups


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16: where asked for, or where it pays on `device`."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Without native products a CPU emulates bfloat16, slower than float32.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(native())


def _freeze(network: DescriptorNetwork, config: TrainConfig) -> None:
    for name in TRUNK_STAGES[: config.frozen_stages]:
        stage = getattr(network.trunk, name, None)
        if stage is not None:
            stage.requires_grad_(False)
