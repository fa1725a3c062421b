"""Fitting a reranker: examples go in, weights come out."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from aerialret.evaluation.reranker.examples import Example
from aerialret.network.reranker import CellReranker

EPOCHS = 12
_AT_ONCE = 16
_RATE, _DECAY = 1e-3, 1e-2
_SHARPNESS = 20.0  # of the softmax at the start: a step of 0.05 in agreement is a factor of e


def fitted(
    examples: Sequence[Example],
    *,
    learnt: int,
    edges: int,
    seed: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> CellReranker:
    """A reranker that prefers the right place: cross-entropy of a softmax over each example.

    Args:
        examples: At least one; the right place is the first of each.
        learnt: See `CellReranker`.
        edges: See `CellReranker`.
        seed: Of initial weights, order, turns and mirroring.
        device: Where it computes.
        progress: Told the epochs done and the epochs in all.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reranker = CellReranker(learnt=learnt, edges=edges)
    reranker = reranker.to(device).train()
    sharpness = torch.tensor(_SHARPNESS, device=device).log().requires_grad_()
    steps = torch.optim.AdamW([*reranker.parameters(), sharpness], lr=_RATE, weight_decay=_DECAY)
    draws = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(examples), generator=draws).tolist()
        for start in range(0, len(order), _AT_ONCE):
            some = [examples[number] for number in order[start : start + _AT_ONCE]]
            quarters, mirrored = torch.randint(4, (2,), generator=draws).tolist()
            scores = _scores(
                reranker, some, quarters=quarters, mirrored=mirrored % 2 == 1, device=device
            )
            right = torch.zeros(len(some), dtype=torch.long, device=device)
            loss = cross_entropy(scores * sharpness.exp(), right)
            steps.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
        if progress:
            progress(epoch + 1, EPOCHS)
    return reranker.eval()


def _scores(
    reranker: CellReranker,
    examples: Sequence[Example],
    *,
    quarters: int,
    mirrored: bool,
    device: torch.device,
) -> Tensor:
    """What counts for each place: float [n, k]; far below all others where an example has fewer.

    Args:
        reranker: Judges.
        examples: n of them.
        quarters: Turns of a quarter, the same for photos and places.
        mirrored: Whether all are mirrored after that.
        device: Where to compute.
    """
    photo = torch.cat([each.photo for each in examples]).to(device).float()
    place = torch.cat([each.place for each in examples]).to(device).float()
    photo, place = (each.rot90(quarters, (2, 3)) for each in (photo, place))
    if mirrored:
        photo, place = photo.flip(3), place.flip(3)
    kept = torch.cat([each.kept for each in examples]).to(device)
    scores = kept * reranker(photo, place)
    counts = [len(each.kept) for each in examples]
    return pad_sequence(list(scores.split(counts)), batch_first=True, padding_value=-1e4)
