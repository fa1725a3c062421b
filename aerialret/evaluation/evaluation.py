"""What an evaluation measured: measurements of photos go in, the figures of a report come out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.config import QueryConfig
from aerialret.evaluation.calibration.figures import absent_figures, calibration_figures
from aerialret.evaluation.calibration.judged import Judged
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.figures import by_share, by_value, figures_of
from aerialret.evaluation.located_figures import located_figures
from aerialret.evaluation.locating import Located
from aerialret.evaluation.measurement import Measurement
from aerialret.evaluation.photos import Photos
from aerialret.evaluation.pose_errors import PoseErrors
from aerialret.evaluation.query_table import ALL, UNSEEN, scope_of
from aerialret.evaluation.scores import MAP_KEY, chance_map, scores
from aerialret.evaluation.windows import ALIGNED
from aerialret.network.checkpoint import Model
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import BUFFER, SPLITS

_STRATA = ("land_cover", "mask_content", "main_class", "settlement", "change_class")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured.

    Attributes:
        tileset: Holds the tiles.
        model: Was measured.
        dates: Were compared.
        photos: Were searched for.
        asking: How they were searched for.
        trained: The measurements by name of the comparison, the headline first.
        untrained: The same before training; empty for a model that was never trained.
        whole_tiles: The headline under the protocol `aligned`; None where that is the protocol, or
            was not asked for.
        searched: Errors of the headline's first answers, as far as the method tells where in the
            tile a photo lies.
        located: The headline after verification; None where that was not asked for.
        judged: How probable the headline's first answers are; None where no calibration tells.
        change_seen_in: What the change between the dates was measured by; empty where it was not.
        table: A row for each query, see `aerialret.evaluation.query_table`.
    """

    tileset: TileSet
    model: Model
    dates: Dates
    photos: Photos
    asking: QueryConfig
    trained: dict[str, Measurement]
    untrained: dict[str, Measurement]
    whole_tiles: Measurement | None
    searched: PoseErrors
    located: Located | None
    judged: Judged | None
    change_seen_in: str
    table: pd.DataFrame

    @property
    def main(self) -> str:
        """Name of the headline comparison."""
        return next(iter(self.trained))

    @property
    def in_scope(self) -> NDArray[np.bool_]:
        """The queries that count for the headline: bool [n]."""
        return self.table["in_scope"].to_numpy(bool)

    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        table, scoped = self.table, self.table["in_scope"]
        answerable = table["rank"].notna()
        gallery = len(self.tileset.tiles(self.dates.gallery))
        strata = [by_value(table, column, rows=scoped) for column in _STRATA]
        return {
            **figures_of(table, scoped),
            "gallery": gallery,
            "modality": self.main,
            "protocol": self.photos.protocol,
            "seed": None if self.photos.protocol == ALIGNED else self.photos.seed,
            "rotations": self.asking.rotations,
            "rerank": self.asking.rerank,
            "scope": scope_of(table),
            "dates": {"queries": self.dates.queries, "gallery": self.dates.gallery},
            "without_answer": int((~answerable).sum()),
            "splits": by_value(table, "split", rows=answerable, order=(*SPLITS, BUFFER, UNSEEN))
            | {ALL: figures_of(table, answerable)},
            "strata": {name: found for group in strata for name, found in group.items()},
            "shares": by_share(table, rows=scoped),
            "change_seen_in": self.change_seen_in or None,
            "protocols": self._by_protocol(),
            "modalities": {name: self.scores_of(found) for name, found in self.trained.items()},
            "untrained": {name: self.scores_of(found) for name, found in self.untrained.items()},
            "chance": {MAP_KEY: chance_map(gallery)},
            "located": located_figures(
                self.searched, self.trained[self.main].ranks, self.located, self.in_scope,
                sides_m=self.photos.shown.metres_per_px * self.tileset.grid.tile_px,
            ),
            "calibration": calibration_figures(self.judged, self.in_scope),
            "absent": absent_figures(self.judged, self.in_scope),
        }  # fmt: skip

    def scores_of(self, measurement: Measurement) -> dict[str, Any]:
        """The figures of a measurement on the queries in scope."""
        return scores(measurement.ranks[self.in_scope], measurement.distance_m[self.in_scope])

    def _by_protocol(self) -> dict[str, Any]:
        """The headline's figures by protocol, whole tiles first."""
        whole = {} if self.whole_tiles is None else {ALIGNED: self.scores_of(self.whole_tiles)}
        return whole | {self.photos.protocol: self.scores_of(self.trained[self.main])}
