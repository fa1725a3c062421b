"""The training, epoch by epoch: places go in, a better network comes out.

RFIAP 2020, sections 4 and 5, with any loss of `aerialret.training.objectives`. All randomness of an
epoch derives from (seed, epoch), so that a training that is resumed at an epoch goes on as if it
had never stopped.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.network.model import DescriptorNetwork
from aerialret.training.batch_pictures import augmented
from aerialret.training.describing import described, ranks_among
from aerialret.training.draws import Draws
from aerialret.training.objectives import build_objective
from aerialret.training.optimiser import make_optimiser, set_rates, train_mode, uses_bfloat16
from aerialret.training.pairs import Batch
from aerialret.training.planning import Knowledge, learn, plan
from aerialret.training.schedule import trained_parts
from aerialret.training.training_data import PlacePixels


class Training:
    """A network in training.

    Attributes:
        network: G_W.
        objective: The loss, with its own parameters and memory.
        epoch: Epochs done.
        knowledge: What the last search among the training places told.
    """

    def __init__(
        self, network: DescriptorNetwork, config: TrainConfig, *, places: int, device: torch.device
    ) -> None:
        self.config = config
        self.device = device
        self.network: DescriptorNetwork = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.objective = build_objective(config, dimensions=network.length, places=places).to(
                device
            )
        self.optimiser = make_optimiser(network, self.objective, config)
        self.epoch = 0
        self.knowledge = Knowledge.none()

    def run_epoch(
        self, places: PlacePixels, *, progress: Callable[[int, int], None] | None = None
    ) -> float:
        """One pass over `places`; the mean loss of its batches.

        The places are searched among each other first where the interval says so.
        """
        config = self.config
        parts = trained_parts(config, epoch=self.epoch)
        if self.knowledge.is_due(config, epoch=self.epoch):
            self._learn(places)
        rng = np.random.default_rng([config.seed, self.epoch])
        set_rates(self.optimiser, config, epoch=self.epoch, parts=parts)
        train_mode(self.network, config, parts=parts)
        self.objective.train(parts.rest)
        batches = list(
            plan(
                len(places), self.knowledge, config=config, clustered=parts.clusters,
                dimensions=self.network.length, rng=rng,
            )
        )  # fmt: skip
        losses = []
        for done, batch in enumerate(batches, start=1):
            last = done == len(batches) or done % config.accumulate == 0
            losses.append(self._step(places, batch, rng, last=last))
            if progress:
                progress(done, len(batches))
        self.epoch += 1
        return float(np.mean(losses)) if losses else float("nan")

    def ranks(self, places: PlacePixels) -> NDArray[np.int64]:
        """The rank of each place's gallery tile among all of `places`."""
        return ranks_among(self.network, places, device=self.device, autocast=self._autocast)

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "knowledge": self.knowledge.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up the training where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch = state["epoch"]
        self.knowledge = Knowledge.of_state(state["knowledge"])

    def _learn(self, places: PlacePixels) -> None:
        query, gallery = described(
            self.network, places, device=self.device, autocast=self._autocast
        )
        query = query[:, 0]
        self.knowledge = learn(query, gallery, config=self.config, before=self.knowledge)
        self.objective.learn_places(
            torch.from_numpy(query).to(self.device), torch.from_numpy(gallery).to(self.device)
        )

    def _step(
        self, places: PlacePixels, batch: Batch, rng: np.random.Generator, *, last: bool
    ) -> float:
        """The gradient of one batch, and after the `last` of those that are added up, a descent."""
        strangers = self.objective.uses_strangers
        rows = np.concatenate([batch.places, batch.strangers]) if strangers else batch.places
        query, gallery = self._embed(places, rows, len(batch.places), rng)
        if batch.learner is not None:
            query, gallery = query[:, batch.learner], gallery[:, batch.learner]
        query, gallery = self._compared(query), self._compared(gallery)
        loss = self.objective(query, gallery, torch.from_numpy(rows).to(self.device))
        (loss / self.config.accumulate).backward()
        if last:
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        return float(loss.item())

    def _embed(
        self, places: PlacePixels, rows: NDArray[np.int64], n: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """The network's output for `rows` at the query date, for the first `n` at the gallery's."""
        if self.network.config.input == "either":
            draws = Draws.of_one_modality(len(rows), rng=rng)
            other = draws.first(n).by_the_other_modality()
        else:
            draws = Draws.of(len(rows), config=self.config, rng=rng)
            other = draws.first(n).at_another_date(config=self.config, rng=rng)
        query = augmented(
            places.query, rows, draws, config=self.config, rng=rng, device=self.device, window=True
        )
        gallery = augmented(
            places.gallery, rows[:n], other, config=self.config, rng=rng, device=self.device
        )
        image, mask = (torch.cat(pair) for pair in zip(query, gallery, strict=True))
        with self._autocast():
            descriptors: Tensor = self.network(image, mask).float()
        return descriptors[: len(rows)], descriptors[len(rows) :]

    def _compared(self, descriptors: Tensor) -> Tensor:
        """Descriptors as the loss sees them."""
        if self.config.distance_on == "raw":
            return descriptors
        unit = normalize(descriptors, dim=1)
        return unit * math.sqrt(descriptors.shape[1]) if self.config.loss == "bce" else unit

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=uses_bfloat16(self.config.precision, self.device),
        )
