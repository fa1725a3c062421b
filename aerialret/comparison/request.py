"""What a comparison is asked for: options go in, a value that knows its defaults comes out."""

from dataclasses import dataclass

from aerialret.config import EvaluateConfig
from aerialret.config.setting import check_range
from aerialret.errors import ConfigurationError

PROTOCOLS: tuple[str, ...] = EvaluateConfig.__dataclass_fields__["protocol"].metadata["choices"]
"""Every way to make queries, see `EvaluateConfig.protocol`."""

LEAST_RESAMPLES = 40
"""Of so many, 2.5 % beyond each end of a 95 % interval are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """What `aerialret compare` is asked for.

    Attributes:
        seeds: Seeds of the trainings; what is not random runs with the first one only.
        protocols: How the queries are made, a pair of columns for each.
        epochs: Most epochs of a method that trains at all; 0: as each recipe says.
        resamples: Samples of the queries that the bootstrap draws.
        verify: Also measure each method with its first answers verified.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    protocols: tuple[str, ...] = ("aligned", "hard", "grey")
    epochs: int = 0
    resamples: int = 2000
    verify: bool = False

    def __post_init__(self) -> None:
        check_range("--epochs", self.epochs, low=0)
        if self.resamples < LEAST_RESAMPLES:
            raise ConfigurationError(
                f"--bootstrap is {self.resamples}, but must be at least {LEAST_RESAMPLES}, so that "
                "a resample lies beyond each end of a 95 % interval"
            )
        _check_list("--seeds", self.seeds)
        _check_list("--protocols", self.protocols)
        for seed in self.seeds:
            check_range("--seeds", seed, low=0)
        for protocol in self.protocols:
            if protocol not in PROTOCOLS:
                raise ConfigurationError(
                    f"--protocols names {protocol!r}, but there are {', '.join(PROTOCOLS)}"
                )


def _check_list(name: str, values: tuple[object, ...]) -> None:
    if not values:
        raise ConfigurationError(f"{name} is empty; give at least one")
    if len(set(values)) < len(values):
        told = ",".join(map(str, values))
        raise ConfigurationError(f"{name} is {told}, but may name each one once only")
