"""What fits: a network and a source's tensors go in, a filled network and a report come out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aerialret.config import as_plain
from aerialret.network.importing.names import COUNTER, TRUNK, our_names, stage_of

Shape = tuple[int, ...]

_SHOWN = 3  # wrong shapes of a stage that a person is told; the plain form has all


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongShape:
    """A tensor that the source has, but in another shape.

    Attributes:
        name: In our network.
        found: Its shape in the source.
        wanted: Its shape in our network.
    """

    name: str
    found: Shape
    wanted: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsReport:
    """What loading weights did; what batch normalisation counts is left out.

    Attributes:
        source: Where the weights came from.
        loaded: Names in our network that took the source's values.
        missing: Names in our network that keep their initial values.
        unused: Names in the source that our network does not have.
        wrong_shape: What has another shape; it keeps its initial values, too.
        trunk_share: Share of the trunk's convolutions that were loaded, from 0 to 1.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    wrong_shape: tuple[WrongShape, ...]
    trunk_share: float

    def to_plain(self) -> dict[str, Any]:
        """The whole report for JSON, and how many tensors of each stage were loaded."""
        return as_plain(self) | {"loaded_by_stage": by_stage(self.loaded)}

    def lines(self) -> list[str]:
        """The report for a person: a line for each kind, stage by stage."""
        told = [
            f"weights from {self.source}",
            f"  loaded       {_counted(self.loaded)}",
            f"  missing      {_counted(self.missing, 'keep their initial values')}",
            f"  wrong shape  {_counted([odd.name for odd in self.wrong_shape], 'keep them, too')}",
            *_shapes(self.wrong_shape),
            f"  unused       {_counted(self.unused)}",
        ]
        return [line for line in told if not line.endswith("  0")]


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> WeightsReport:
    """Takes over every tensor that fits by name and shape.

    Args:
        network: A method with a `trunk`; changed in place.
        tensors: Of the source, by its names.
        source: Its name, for the report.
    """
    own = network.state_dict()
    named = our_names(tensors, own=own)
    fitting = {ours: tensors[name] for ours, name in named.items()}
    taken = {name: value for name, value in fitting.items() if value.shape == own[name].shape}
    with torch.no_grad():
        for name, value in taken.items():
            own[name].copy_(value)
    told = [name for name in own if not name.endswith(COUNTER)]
    convolutions = [name for name in own if is_trunk_convolution(name, own[name])]
    return WeightsReport(
        source=source,
        loaded=tuple(name for name in told if name in taken),
        missing=tuple(name for name in told if name not in fitting),
        unused=tuple(sorted(n for n in {*tensors} - {*named.values()} if not n.endswith(COUNTER))),
        wrong_shape=tuple(
            WrongShape(
                name=name, found=tuple(fitting[name].shape), wanted=tuple(own[name].shape)
            )
            for name in told
            if name in fitting and name not in taken
        ),
        trunk_share=sum(name in taken for name in convolutions) / max(len(convolutions), 1),
    )  # fmt: skip


def is_trunk_convolution(name: str, value: Tensor) -> bool:
    """Whether a tensor of our network is the kernel of one of the trunk's convolutions.

    They tell whether weights fit: three of four tensors of a ResNet are vectors of batch
    normalisation, most of which have the same length in ResNet18 and ResNet50.
    """
    return name.startswith(TRUNK) and value.ndim == 4


def by_stage(names: Iterable[str]) -> dict[str, int]:
    """How many of the names lie in each stage, in the order of the stages."""
    return dict(Counter(stage_of(name) for name in names))


def _counted(names: Iterable[str], remark: str = "") -> str:
    """`45: layer4 40, fc 5`."""
    stages = by_stage(names)
    if not stages:
        return "0"
    listed = ", ".join(f"{stage} {count}" for stage, count in stages.items())
    return f"{sum(stages.values())}: {listed}" + (f" ({remark})" if remark else "")


def _shapes(wrong: tuple[WrongShape, ...]) -> list[str]:
    """The first shapes of each stage."""
    lines = []
    for stage, count in by_stage(odd.name for odd in wrong).items():
        odds = [odd for odd in wrong if stage_of(odd.name) == stage]
        lines += [
            f"    {odd.name} is {_shape(odd.found)}, wanted {_shape(odd.wanted)}"
            for odd in odds[:_SHOWN]
        ]
        if count > _SHOWN:
            lines.append(f"    and {count - _SHOWN} more of {stage}")
    return lines


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a number"
