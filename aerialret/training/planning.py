"""The plan of an epoch: what is known of the training places goes in, batches come out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aerialret.config import TrainConfig
from aerialret.tiles.arrays import Descriptors
from aerialret.training.clusters import cluster_batches, cluster_of, cluster_places, learner_slice
from aerialret.training.objectives.class_tree import ClassTree, alike_batches
from aerialret.training.pairs import Batch, batches, hard_places

ALIKE_IN_A_GROUP = 4
"""Places of a group of similar ones: a random place and its nearest (Ge 2018, section 3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a search among the training places told.

    Attributes:
        hard: int, rows of the places that are hard.
        clusters: int [places], the cluster of each place; empty where none are asked for.
        tree: The tree of similar places, or None.
    """

    hard: NDArray[np.int64]
    clusters: NDArray[np.int64]
    tree: ClassTree | None

    @classmethod
    def none(cls) -> "Knowledge":
        """Before the first search."""
        return cls(hard=np.empty(0, np.int64), clusters=np.empty(0, np.int64), tree=None)

    def is_due(self, config: TrainConfig, *, epoch: int) -> bool:
        """Whether `epoch` begins with a search."""
        from_the_start = config.batches != "random" or config.loss == "hierarchical-triplet"
        wanted = from_the_start or config.hard_share > 0
        return wanted and epoch % config.mining_interval == 0 and (epoch > 0 or from_the_start)

    def state(self) -> dict[str, Any]:
        """As tensors, for a file."""
        tree = ClassTree.empty() if self.tree is None else self.tree
        arrays = {
            "hard": self.hard, "clusters": self.clusters, "linkage": tree.linkage,
            "nearest": tree.nearest,
        }  # fmt: skip
        return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> "Knowledge":
        """What `state` gave."""
        tree = ClassTree(state["linkage"].cpu().numpy(), state["nearest"].cpu().numpy())
        return cls(
            hard=state["hard"].cpu().numpy(),
            clusters=state["clusters"].cpu().numpy(),
            tree=tree if tree.places else None,
        )


def learn(
    query: Descriptors,
    gallery: Descriptors,
    *,
    ranks: NDArray[np.int64],
    config: TrainConfig,
    before: Knowledge,
) -> Knowledge:
    """What a search among the training places tells.

    Args:
        query: Their descriptors at the query date, float32 [places, R].
        gallery: At the gallery date.
        ranks: int [places], the rank of each place's gallery tile.
        config: What is asked for.
        before: What the search before told.
    """
    knowledge = replace(before, hard=hard_places(ranks, below=config.hard_below))
    if config.batches == "alike":
        knowledge = replace(knowledge, tree=ClassTree.of(query, gallery))
    if config.batches == "clusters":
        labels = cluster_places(
            query + gallery, clusters=config.clusters, seed=config.seed,
            previous=before.clusters if len(before.clusters) else None,
        )  # fmt: skip
        knowledge = replace(knowledge, clusters=labels)
    return knowledge


def plan(
    count: int,
    knowledge: Knowledge,
    *,
    config: TrainConfig,
    clustered: bool,
    dimensions: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """The batches of one epoch over `count` places.

    Args:
        count: Number of training places.
        knowledge: Of the last search.
        config: How batches are put together.
        clustered: Each batch from one cluster, for the learner of that cluster.
        dimensions: R, which the learners share.
        rng: Source of all draws.
    """
    if clustered and len(knowledge.clusters):
        for rows in cluster_batches(
            knowledge.clusters, pairs_per_batch=config.pairs_per_batch, rng=rng
        ):
            cluster = cluster_of(rows, labels=knowledge.clusters)
            learner = learner_slice(cluster, clusters=config.clusters, dimensions=dimensions)
            yield Batch(rows, np.roll(rows, 1), learner)
    elif config.batches == "alike" and knowledge.tree is not None:
        groups = max(1, config.pairs_per_batch // ALIKE_IN_A_GROUP)
        for rows in alike_batches(
            knowledge.tree, groups=groups, classes_per_group=ALIKE_IN_A_GROUP, rng=rng
        ):
            yield Batch(rows, np.roll(rows, 1))
    else:
        yield from batches(
            count, hard=knowledge.hard, pairs_per_batch=config.pairs_per_batch,
            hard_share=config.hard_share, rng=rng,
        )  # fmt: skip
