"""The losses once more, a pair or a triplet at a time, from their formulae: the tests' oracles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cophenet, linkage

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Tile:
    vector: Vector
    place: int
    source: str


def tiles_of(query: Vector, gallery: Vector, places: Sequence[int]) -> list[Tile]:
    rows = list(zip(query, gallery, places, strict=True))
    first = [Tile(q, place, "query") for q, _, place in rows]
    return first + [Tile(g, place, "gallery") for _, g, place in rows]


def distance(a: Vector, b: Vector) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def cosine(a: Vector, b: Vector) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def positives(tiles: list[Tile]) -> list[tuple[Tile, Tile]]:
    return [(a, p) for a in tiles for p in tiles if a is not p and a.place == p.place]


def negatives(a: Tile, tiles: list[Tile], memory: Sequence[Tile] = ()) -> list[Tile]:
    return [n for n in [*tiles, *memory] if n.place != a.place]


def contrastive(
    tiles: list[Tile], *, margin: float, hardest: bool = False, memory: Sequence[Tile] = ()
) -> float:
    near, far = [], []
    for i, a in enumerate(tiles):
        for b in tiles[i + 1 :]:
            (near if a.place == b.place else far).append(distance(a.vector, b.vector))
        far += [distance(a.vector, b.vector) for b in memory if b.place != a.place]
    if hardest:
        far = []
        for a in tiles:
            for source in ("query", "gallery", "memory"):
                wrong = [n for n in negatives(a, tiles, memory) if n.source == source]
                far += [min(distance(a.vector, n.vector) for n in wrong)] if wrong else []
    pull = mean([d**2 for d in near])
    return 0.5 * pull + 0.5 * mean([max(margin - d, 0) ** 2 for d in far])


def triplet(tiles: list[Tile], *, margin: float, miner: str, memory: Sequence[Tile] = ()) -> float:
    hinges = []
    for a, p in positives(tiles):
        near = distance(a.vector, p.vector) ** 2
        far = [distance(a.vector, n.vector) ** 2 for n in negatives(a, tiles, memory)]
        if far and miner == "hard":
            far = [min(far)]
        if far and miner == "semi-hard":
            farther = [d for d in far if d > near]
            far = [min(farther)] if farther else [max(far)]
        hinges += [max(near - d + margin, 0) for d in far]
    return mean(hinges)


def class_distances(query: Vector, gallery: Vector) -> Vector:
    """Ge 2018, equation 1, of all pairs of places."""
    samples = list(zip(query, gallery, strict=True))
    result = np.zeros((len(query), len(query)))
    for p, of_p in enumerate(samples):
        for q, of_q in enumerate(samples):
            squares = [distance(i, j) ** 2 for i in of_p for j in of_q]
            result[p, q] = 0 if p == q else sum(squares) / 4
    return result


def condensed(square: Vector) -> Vector:
    return np.array([square[i, j] for i in range(len(square)) for j in range(i + 1, len(square))])


def hierarchical_margins(query: Vector, gallery: Vector, *, beta: float, levels: int) -> Vector:
    """alpha_z of each pair of places."""
    within = [distance(q, g) ** 2 for q, g in zip(query, gallery, strict=True)]
    merged = cophenet(linkage(condensed(class_distances(query, gallery)), method="average"))
    thresholds = [mean(within) + k * (4 - mean(within)) / levels for k in range(levels + 1)]
    result = np.full((len(query), len(query)), np.nan)
    heights = iter(merged)
    for p in range(len(query)):
        for q in range(p + 1, len(query)):
            height = next(heights)
            level = next(d for d in thresholds if height <= d)
            result[p, q] = beta + level - within[p]
            result[q, p] = beta + level - within[q]
    return result


def hierarchical_triplet(tiles: list[Tile], *, alpha: Callable[[int, int], float]) -> float:
    hinges = []
    for a, p in positives(tiles):
        for n in negatives(a, tiles):
            gap = distance(a.vector, p.vector) - distance(a.vector, n.vector)
            hinges.append(max(gap + alpha(a.place, n.place), 0))
    return mean(hinges) / 2


def nt_xent(
    tiles: list[Tile], *, temperature: float, raw: bool = False, memory: Sequence[Tile] = ()
) -> float:
    similarity = np.dot if raw else cosine
    losses = []
    for a, p in positives(tiles):
        right = math.exp(similarity(a.vector, p.vector) / temperature)
        wrong = [
            math.exp(similarity(a.vector, n.vector) / temperature)
            for n in negatives(a, tiles, memory)
        ]
        losses.append(-math.log(right / (right + sum(wrong))))
    return mean(losses)


def multi_similarity(tiles: list[Tile], *, memory: Sequence[Tile] = ()) -> float:
    """Wang et al. 2019, equations 11 to 13, with alpha 2, beta 50, lambda 0.5, epsilon 0.1."""
    losses = []
    for a in tiles:
        near = [cosine(a.vector, p.vector) for b, p in positives(tiles) if b is a]
        far = [cosine(a.vector, n.vector) for n in negatives(a, tiles, memory)]
        kept_near = [s for s in near if far and s - 0.1 < max(far)]
        kept_far = [s for s in far if near and s + 0.1 > min(near)]
        pull = math.log(1 + sum(math.exp(-2 * (s - 0.5)) for s in kept_near)) / 2
        push = math.log(1 + sum(math.exp(50 * (s - 0.5)) for s in kept_far)) / 50
        losses.append(pull + push)
    return mean(losses)


def proxy_nca(tiles: list[Tile], proxies: Vector, *, scale: float) -> float:
    losses = []
    for tile in tiles:
        unit = tile.vector / np.linalg.norm(tile.vector)
        weights = [
            math.exp(-scale * distance(unit, proxy / np.linalg.norm(proxy)) ** 2)
            for proxy in proxies
        ]
        losses.append(-math.log(weights[tile.place] / sum(weights)))
    return mean(losses)


def soft_triple(tiles: list[Tile], centres: Vector) -> float:
    """Qian et al. 2019, equations 6 to 8, with lambda 20, gamma 0.1, delta 0.01.

    Args:
        tiles: Of the places.
        centres: float [places, centres, R].
    """
    losses = []
    for tile in tiles:
        weights = []
        for place, own in enumerate(centres):
            cosines = [cosine(tile.vector, centre) for centre in own]
            soft = [math.exp(s / 0.1) for s in cosines]
            relaxed = sum(w * s for w, s in zip(soft, cosines, strict=True)) / sum(soft)
            weights.append(math.exp(20 * (relaxed - 0.01 * (place == tile.place))))
        losses.append(-math.log(weights[tile.place] / sum(weights)))
    return mean(losses)
