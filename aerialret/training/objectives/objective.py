"""The base of every loss: descriptors of places at two dates go in, a scalar comes out."""

from torch import Tensor, nn

from aerialret.config import TrainConfig


class Objective(nn.Module):
    """A loss over the descriptors of a batch of places, with what it learns and remembers.

    Attributes:
        uses_strangers: Whether `query` has further rows, of other places than those of `gallery`,
            for the sampled negatives.
    """

    uses_strangers: bool = False

    def forward(self, query: Tensor, gallery: Tensor, places: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            query: float [m, R] at one date; m = n, or more where `uses_strangers`.
            gallery: float [n, R] at the other date; row i of both shows place `places[i]`.
            places: int64 [m]; a place drawn twice is no negative of itself.
        """
        raise NotImplementedError

    def learn_places(self, query: Tensor, gallery: Tensor) -> None:
        """Takes note of all training places, at each mining; most losses have no use for it.

        Args:
            query: float [places, R] at one date.
            gallery: float [places, R] at the other date.
        """

    def rate(self, config: TrainConfig) -> float | None:
        """Adam's rate for the loss's own parameters; None where it has none."""
        return None


def nothing(*descriptors: Tensor) -> Tensor:
    """Zero, with a gradient of zero for each of `descriptors`."""
    total = descriptors[0].sum() * 0
    for further in descriptors[1:]:
        total = total + further.sum() * 0
    return total
