"""The training, epoch by epoch: places go in, a better network comes out.

RFIAP 2020, sections 4 and 5, with any loss of `aerialret.training.objectives`. All randomness of an
epoch derives from (seed, epoch), so that a training that is resumed at an epoch goes on as if it
had never stopped.
"""

import math
import time
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
from aerialret.training.augment import on_device
from aerialret.training.batch_pictures import augmented
from aerialret.training.describing import described, ranks, ranks_among
from aerialret.training.displacement import Windows
from aerialret.training.distributed import World
from aerialret.training.draws import Draws
from aerialret.training.looks import Looks
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
        mining_s: Seconds that the last epoch spent on that search.

    Args:
        network: G_W; several processes must start from the same weights.
        config: How it is trained.
        places: Training places, some losses keep something for each.
        device: Where it computes.
        world: The processes that share the work.
    """

    def __init__(
        self,
        network: DescriptorNetwork,
        config: TrainConfig,
        *,
        places: int,
        device: torch.device,
        world: World | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.world = world or World()
        network = self.world.prepared(network, device=device)
        self.network: DescriptorNetwork = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._compiled = torch.compile(self.network) if config.compile else self.network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.objective = build_objective(config, dimensions=network.length, places=places).to(
                device
            )
        self.optimiser = make_optimiser(network, self.objective, config)
        self.epoch = 0
        self.knowledge = Knowledge.none()
        self.mining_s = 0.0

    def run_epoch(
        self, places: PlacePixels, *, progress: Callable[[int, int], None] | None = None
    ) -> float:
        """One pass over `places`; the mean loss of its batches.

        The places are searched among each other first where the interval says so.
        """
        config = self.config
        parts = trained_parts(config, epoch=self.epoch)
        started = time.perf_counter()
        if self.knowledge.is_due(config, epoch=self.epoch):
            self._learn(places)
        self.mining_s = time.perf_counter() - started
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
        losses: list[Tensor] = []
        for done, batch in enumerate(batches, start=1):
            last = done == len(batches) or done % config.accumulate == 0
            losses.append(self._step(places, batch, rng, last=last))
            if progress:
                progress(done, len(batches))
        self.world.average_statistics(self.network)
        self.epoch += 1
        # Only now: to ask a GPU for a number is to wait for it.
        return float(np.mean(torch.stack(losses).tolist())) if losses else float("nan")

    def ranks(self, places: PlacePixels) -> NDArray[np.int64]:
        """The rank of each place's gallery tile among all of `places`."""
        return ranks_among(
            self.network, places, device=self.device, autocast=self._autocast, world=self.world
        )

    def rates(self) -> dict[str, float]:
        """Adam's present rate for each part that is trained."""
        return {group["part"]: group["lr"] for group in self.optimiser.param_groups}

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

    def descend(
        self, inputs: tuple[Tensor, Tensor], batch: Batch, *, count: int, last: bool = True
    ) -> Tensor:
        """The gradient of one batch, and after the `last` of those that are added up, a step.

        Args:
            inputs: Image and mask as the network takes them, this process's share: the places at
                the query date, their strangers if the loss wants them, the places at the gallery
                date.
            batch: The rows of all processes.
            count: Pictures of all processes.
            last: Whether this is the last batch before a step.

        Returns:
            The loss of the whole batch, in no graph, not waited for.
        """
        with self._autocast():
            embedded: Tensor = self._compiled(*inputs)
        descriptors = self.world.gather(embedded.float(), count=count)
        if batch.learner is not None:
            descriptors = descriptors[:, batch.learner]
        rows = self._rows(batch)
        query, gallery = self._compared(descriptors).tensor_split([len(rows)])
        loss: Tensor = self.objective(query, gallery, on_device(rows, self.device))
        (loss / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
        if last:
            self.world.sum_gradients(self.network.parameters())
            self.world.average_gradients(self.objective.parameters())
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    def pictures(
        self, places: PlacePixels, batch: Batch, rng: np.random.Generator
    ) -> tuple[tuple[Tensor, Tensor], int]:
        """Image and mask of this process's share of a batch, augmented; pictures in all.

        Every process draws for the whole batch, whatever its share.
        """
        rows, n = self._rows(batch), len(batch.places)
        draws, other = self._draws(len(rows), n, rng)
        looks, other_looks = self._looks(len(rows), n, rng)
        mine = self.world.share(len(rows) + n)
        first, second = mine[mine < len(rows)], mine[mine >= len(rows)] - len(rows)
        side = self.network.config.input_px or places.query.images.shape[-1]
        sides = [
            augmented(
                pixels, rows[some], drawn.take(some), look.take(some), config=self.config,
                side=side, device=self.device,
            )
            for pixels, some, drawn, look in (
                (places.query, first, draws, looks), (places.gallery, second, other, other_looks)
            )
        ]  # fmt: skip
        image, mask = (torch.cat(pair) for pair in zip(*sides, strict=True))
        return (image, mask), len(rows) + n

    def _looks(self, count: int, n: int, rng: np.random.Generator) -> tuple[Looks, Looks]:
        """The looks of `count` tiles at the query date, and of the first `n` at the gallery's."""
        config = self.config
        shared = None
        if config.window == "both":
            shared = Windows.draw(count, config=config, rng=rng)
        query = Looks.draw(count, config=config, rng=rng, window=True, windows=shared)
        again = shared.first(n) if shared else None
        return query, Looks.draw(n, config=config, rng=rng, window=False, windows=again)

    def _learn(self, places: PlacePixels) -> None:
        query, gallery = described(
            self.network, places, device=self.device, autocast=self._autocast, world=self.world
        )
        told = learn(
            query[:, 0].cpu().numpy(), gallery.cpu().numpy(), ranks=ranks(query, gallery),
            config=self.config, before=self.knowledge,
        )  # fmt: skip
        # GPUs may differ in the last bits; a plan must not.
        self.knowledge = self.world.broadcast_object(told)
        self.objective.learn_places(query[:, 0], gallery)

    def _step(
        self, places: PlacePixels, batch: Batch, rng: np.random.Generator, *, last: bool
    ) -> Tensor:
        inputs, count = self.pictures(places, batch, rng)
        return self.descend(inputs, batch, count=count, last=last)

    def _rows(self, batch: Batch) -> NDArray[np.int64]:
        """The places at the query date."""
        if not self.objective.uses_strangers:
            return batch.places
        return np.concatenate([batch.places, batch.strangers])

    def _draws(self, count: int, n: int, rng: np.random.Generator) -> tuple[Draws, Draws]:
        """For `count` places at the query date, and for the first `n` at the gallery date."""
        if self.network.config.input == "either":
            draws = Draws.of_one_modality(count, rng=rng)
            return draws, draws.first(n).by_the_other_modality()
        draws = Draws.of(count, config=self.config, rng=rng)
        return draws, draws.first(n).at_another_date(config=self.config, rng=rng)

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
