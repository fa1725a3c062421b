"""Several processes that train one network: a batch is dealt out, its descriptors are gathered.

Every process plans the same batches from the same seed. Row i of a batch belongs to process
i % size, which embeds it; the descriptors of all rows are gathered, so that every process computes
the loss of the whole batch, with negatives from all of it. Summed over the processes, the network's
gradients are then those of one process with the whole batch; batch statistics are the exception,
unless `prepared` can join them.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aerialret.errors import ConfigurationError

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)

_TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")

_PATIENCE = timedelta(minutes=30)  # the first process alone may validate, fit and write meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The processes of a training; by itself, the only one.

    Attributes:
        rank: Number of this process, from 0.
        size: Processes on all machines.
        local_rank: Number of this process on its machine, which is the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls) -> "World":
        """The processes that torchrun has started, not yet connected; without it, this one alone.

        Raises:
            ConfigurationError: torchrun's environment is incomplete.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        missing = [name for name in _TORCHRUN if name not in os.environ]
        if missing:
            raise ConfigurationError(
                f"WORLD_SIZE is {size}, but {missing[0]} is not set; start the training with "
                "torchrun, or unset WORLD_SIZE"
            )
        rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
        return cls(rank=rank, size=size, local_rank=local_rank)

    @classmethod
    def join(cls) -> "World":
        """`from_environment`, connected.

        Raises:
            ConfigurationError: torchrun's environment is incomplete, or there are more processes
                on this machine than GPUs.
        """
        world = cls.from_environment()
        if world.size > 1:
            world._connect()
        return world

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def device(self, chosen: torch.device) -> torch.device:
        """This process's own GPU where a GPU was chosen."""
        if chosen.type != "cuda" or self.size == 1:
            return chosen
        return torch.device("cuda", self.local_rank)

    def share(self, count: int) -> NDArray[np.int64]:
        """The rows of `count` that this process embeds."""
        return np.arange(self.rank, count, self.size)

    def gather(self, descriptors: Tensor, *, count: int) -> Tensor:
        """The descriptors of all `count` rows in their order, of which this process has its share.

        The gradient of this process's rows comes back to it.

        Args:
            descriptors: float [len(share(count)), R].
            count: Rows of all processes.
        """
        if self.size == 1:
            return descriptors
        gathered: Tensor = _Gathered.apply(descriptors, count, self)
        return gathered

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Adds up the gradients of what every process computed on its share only."""
        self._reduce_gradients(parameters, divisor=1)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Averages the gradients of what every process computed on the whole batch.

        They are equal but for the order of a GPU's sums, which must not pile up over the steps.
        """
        self._reduce_gradients(parameters, divisor=self.size)

    def average_statistics(self, network: nn.Module) -> None:
        """Averages running batch statistics, which every process took from its own share."""
        if self.size == 1:
            return
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                for statistic in (module.running_mean, module.running_var):
                    if statistic is not None:
                        dist.all_reduce(statistic)
                        statistic.div_(self.size)

    def prepared(self, network: M, *, device: torch.device) -> M:
        """The network with batch statistics over all processes, where the device can do that.

        torch joins them on GPUs only: on CPUs each process normalises by its own share.
        """
        if self.size == 1 or device.type != "cuda":
            return network
        # A network of layers is changed in place; only a layer by itself would become another.
        convert: Callable[[M], M] = nn.SyncBatchNorm.convert_sync_batchnorm
        return convert(network)

    def barrier(self) -> None:
        """Waits until every process is here."""
        if self.size > 1:
            dist.barrier()

    def broadcast_object(self, value: T) -> T:
        """The first process's `value`, a plain object, in every process."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0)
        sent: T = box[0]
        return sent

    def leave(self) -> None:
        """Ends the connection."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def _connect(self) -> None:
        if dist.is_initialized():
            return
        on_gpu = torch.cuda.is_available()
        if on_gpu and self.local_rank >= torch.cuda.device_count():
            raise ConfigurationError(
                f"process {self.local_rank} of this machine needs a GPU of its own, but there are "
                f"{torch.cuda.device_count()}; lower torchrun's --nproc-per-node"
            )
        if on_gpu:
            torch.cuda.set_device(self.local_rank)
        # Both: a training may be told to run on the CPU of a machine with GPUs.
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, rank=self.rank, world_size=self.size, timeout=_PATIENCE)

    def _reduce_gradients(self, parameters: Iterable[nn.Parameter], *, divisor: int) -> None:
        if self.size == 1:
            return
        # A parameter without gradient has none in any process: all ran the same modules.
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            return
        flat = torch.cat([gradient.reshape(-1).float() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= divisor
        start = 0
        for gradient in gradients:
            end = start + gradient.numel()
            gradient.copy_(flat[start:end].view_as(gradient))
            start = end


class _Gathered(torch.autograd.Function):
    """All rows in order; backwards, the rows of this process, for the loss is the same in all."""

    @staticmethod
    def forward(ctx: Any, descriptors: Tensor, count: int, world: World) -> Tensor:
        most = -(-count // world.size)
        padded = descriptors.new_zeros((most, *descriptors.shape[1:]))
        padded[: len(descriptors)] = descriptors
        parts = [torch.empty_like(padded) for _ in range(world.size)]
        dist.all_gather(parts, padded)
        ctx.rows = world.share(count)
        # Row i lies at place i // size of process i % size.
        return torch.stack(parts, dim=1).flatten(0, 1)[:count]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        rows = torch.from_numpy(ctx.rows).to(gradients[0].device)
        return gradients[0].index_select(0, rows), None, None
