"""Cross-batch memory: descriptors of past batches go in, further negatives come out.

Wang, Zhang, Huang and Scott, "Cross-Batch Memory for Embedding Learning", CVPR 2020: descriptors
drift slowly, so that those of past batches still serve to compare with.
"""

import torch
from torch import Tensor, nn

NOWHERE = -1
"""The place of a slot that nothing has been written to."""


class Memory(nn.Module):
    """A queue of the last descriptors, without gradient, and their places.

    Attributes:
        descriptors: float [size, R].
        places: int64 [size]; NOWHERE where a slot is empty.
        written: int64, how many descriptors have been written so far.
    """

    descriptors: Tensor
    places: Tensor
    written: Tensor

    def __init__(self, size: int, *, dimensions: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("descriptors", torch.zeros(size, dimensions))
        self.register_buffer("places", torch.full((size,), NOWHERE))
        self.register_buffer("written", torch.tensor(0))

    @torch.no_grad()
    def write(self, descriptors: Tensor, places: Tensor) -> None:
        """Puts descriptors (float [n, R]) of places (int64 [n]) over the oldest ones."""
        kept = descriptors[-self.size :] if self.size else descriptors[:0]
        count = len(kept)
        slots = (self.written + torch.arange(count, device=kept.device)) % max(self.size, 1)
        self.descriptors[slots] = kept.to(self.descriptors.dtype)
        self.places[slots] = places[len(places) - count :]
        self.written += count
