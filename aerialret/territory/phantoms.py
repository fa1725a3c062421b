"""What the layers hold and the ground does not show: planned, fictitious, buried things."""

import numpy as np
import shapely
import shapely.ops

from aerialret.territory.config import LATE, TerritoryConfig
from aerialret.territory.digitise import Operator
from aerialret.territory.features import Features, concatenate, table
from aerialret.territory.noise import stream
from aerialret.territory.roads import road_table
from aerialret.territory.world import World


def phantom_roads(config: TerritoryConfig, roads: Features, operator: Operator) -> Features:
    """The roads, a tunnel, a fictitious link and, in the later edition, a planned road."""
    rng = operator.stream("phantoms")
    tunnel = _line(config, rng, 90.0, "street").with_columns(level=-1)
    link = _line(config, rng, 40.0, "street").with_columns(fictive=True)
    tables = [roads, tunnel, link]
    if operator.edition == LATE:
        tables.append(_line(config, rng, 350.0, "main").with_columns(state="planned"))
    return concatenate(tables)


def culverts(config: TerritoryConfig, world: World) -> Features:
    """A buried conduit along a piece of the first stream."""
    rng = stream(config.seed, "culverts")
    if not len(world.streams):
        return world.water.take(np.zeros(len(world.water), bool))
    line = world.streams.geometry[0]
    piece = shapely.ops.substring(line, 0.1, 0.1 + rng.uniform(0.05, 0.12), normalized=True)
    return table([piece.buffer(1.5, cap_style="flat")], kind="culvert")


def _line(
    config: TerritoryConfig, rng: np.random.Generator, length_m: float, kind: str
) -> Features:
    left, bottom, right, top = config.bounds
    start = rng.uniform((left, bottom), (right, top))
    turn = rng.uniform(0, 2 * np.pi)
    end = start + length_m * np.array([np.cos(turn), np.sin(turn)])
    return road_table([shapely.LineString([start, end])], kind=kind, width_m=6.0, lanes=2)
