"""The siamese loss: two descriptors of each place go in, a scalar comes out (RFIAP 2020)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aerialret.network.model import Similarity


def pair_loss(
    similarity: Similarity, positives: tuple[Tensor, Tensor], negatives: tuple[Tensor, Tensor]
) -> Tensor:
    """Mean binary cross-entropy on |G(a) - G(b)|, positives and negatives weighing the same.

    RFIAP 2020, equations 1 to 3, with the minus sign inside; minimised. A side without pairs adds
    nothing, so a batch without any pair gives 0.

    Args:
        similarity: The layer that turns a distance into a logit.
        positives: Two float [n, R]: the same places at two dates.
        negatives: Two float [m, R]: different places.
    """
    total = positives[0].sum() * 0
    sides = [(pair, label) for pair, label in ((positives, 1.0), (negatives, 0.0)) if len(pair[0])]
    for (first, second), label in sides:
        logits = similarity(first, second)
        loss = binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        total = total + loss / len(sides)
    return total


def batch_negatives(
    query: Tensor, gallery: Tensor, places: Tensor, *, different: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Every pair of different places in a batch: within each date and across the two.

    Args:
        query: float [n, R], descriptors at one date.
        gallery: float [n, R], the same places at the other date.
        places: int [n], the place of each row; a place drawn twice is no negative of itself.
        different: bool [n, n], which rows are negatives of each other; None: all other places.

    Returns:
        Two float [m, R].
    """
    if different is None:
        different = places[:, None] != places[None, :]
    upper = torch.triu(different, diagonal=1).nonzero(as_tuple=True)
    across = different.nonzero(as_tuple=True)
    first = torch.cat([query[upper[0]], gallery[upper[0]], query[across[0]]])
    second = torch.cat([query[upper[1]], gallery[upper[1]], gallery[across[1]]])
    return first, second


def hardest_negatives(
    similarity: Similarity,
    query: Tensor,
    gallery: Tensor,
    places: Tensor,
    *,
    different: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """For each place of a batch, the pairs of `batch_negatives` that look most like one place.

    One across the dates for each query, one for each gallery tile, and one within each date.

    Args:
        similarity: Its logit says how much a pair looks like one place.
        query: float [n, R], descriptors at one date.
        gallery: float [n, R], the same places at the other date.
        places: int [n], the place of each row; a place drawn twice is no negative of itself.
        different: bool [n, n], which rows are negatives of each other; None: all other places.

    Returns:
        Two float [m, R], m at most 4 n.
    """
    if different is None:
        different = places[:, None] != places[None, :]
    sides = ((query, gallery), (gallery, query), (query, query), (gallery, gallery))
    firsts, seconds = [query[:0]], [query[:0]]
    for anchors, others in sides if len(places) else ():
        with torch.no_grad():
            logits = similarity(anchors[:, None], others[None, :])
            nearest = logits.masked_fill(~different, -torch.inf).argmax(dim=1)
        has_negative = different.any(dim=1)
        firsts.append(anchors[has_negative])
        seconds.append(others[nearest[has_negative]])
    return torch.cat(firsts), torch.cat(seconds)
