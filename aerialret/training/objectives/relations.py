"""Which places are negatives of each other: numbers of places go in, a mask of pairs comes out."""

import torch
from torch import Tensor, nn

from aerialret.errors import ConfigurationError


class Relations(nn.Module):
    """Two places differ, or they are the same, or they are neighbours that overlap: neutral.

    Attributes:
        overlaps: int64, sorted: first * places + second for each pair of neighbours.
    """

    overlaps: Tensor

    def __init__(self, *, places: int, neighbours: Tensor | None = None) -> None:
        super().__init__()
        self.places = places
        self.register_buffer("overlaps", _pair_numbers(neighbours, places), persistent=False)

    def different(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether two places are negatives of each other: bool [a, b].

        Args:
            first: int64 [a], places.
            second: int64 [b], places; below 0 where there is none, which is no negative.
        """
        differ = (first[:, None] != second[None, :]) & (second >= 0)[None, :]
        if not len(self.overlaps):
            return differ
        numbers = first[:, None] * self.places + second[None, :]
        found = torch.searchsorted(self.overlaps, numbers).clamp(max=len(self.overlaps) - 1)
        return differ & (self.overlaps[found] != numbers)


def _pair_numbers(neighbours: Tensor | None, places: int) -> Tensor:
    """Each pair of `neighbours` in both directions, as one sorted number: int64 [pairs]."""
    if neighbours is None:
        return torch.empty(0, dtype=torch.int64)
    if tuple(neighbours.shape) != (places, places):
        raise ConfigurationError(
            f"the neighbours are given for {tuple(neighbours.shape)} places, but the training has "
            f"{places}; give a square matrix with a row for each training place"
        )
    rows, columns = _true_cells(neighbours)
    numbers = torch.cat([rows * places + columns, columns * places + rows])
    both: Tensor = torch.unique(numbers)
    return both


def _true_cells(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of each true cell of a dense or sparse matrix."""
    if matrix.layout == torch.strided:
        rows, columns = matrix.nonzero(as_tuple=True)
        return rows, columns
    sparse = matrix.to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    rows, columns = sparse.indices()[:, sparse.values() != 0]
    return rows, columns
