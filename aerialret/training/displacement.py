"""Displacement: whole tiles and draws go in, what a photo of about that place shows comes out.

Turn, zoom, the cut of a window, shift, quarter turns and mirroring are one resampling.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, grid_sample

from aerialret.config import TrainConfig
from aerialret.training.augment import on_device

_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A part of each of n places, which both dates see.

    Attributes:
        turn_deg: float [n], by which the content turns counter-clockwise.
        side: float [n], the window's side as a share of the tile's.
        centre: float [n, 2], x and y as in `Displacements`.
    """

    turn_deg: NDArray[np.float64]
    side: NDArray[np.float64]
    centre: NDArray[np.float64]

    @classmethod
    def draw(cls, count: int, *, config: TrainConfig, rng: np.random.Generator) -> "Windows":
        """Windows at any turn, of a side from `config.crop` to 1, as far as they fit the tile."""
        turn_deg = rng.uniform(-180, 180, count)
        side = np.exp(rng.uniform(math.log(config.crop), 0, count))
        centre = _anywhere(turn_deg, side, rng)
        return cls(turn_deg=turn_deg, side=side, centre=centre)

    def first(self, n: int) -> "Windows":
        """Those of the first `n` places."""
        return Windows(turn_deg=self.turn_deg[:n], side=self.side[:n], centre=self.centre[:n])


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacements:
    """The window of each of n tiles that is looked at.

    Attributes:
        turn_deg: float [n], by which the content turns counter-clockwise.
        side: float [n], the window's side as a share of the tile's; above 1 it looks beyond.
        centre: float [n, 2], x and y of the window's centre in normalised coordinates: the tile
            reaches from -1 to 1, y points down.
        shift_px: int [n, 2], pixels of the tile by which the content moves down and right.
        symmetry: int [n], 0 to 7, what the window is turned and mirrored by afterwards; see
            `augment.turn_and_flip`.
    """

    turn_deg: NDArray[np.float64]
    side: NDArray[np.float64]
    centre: NDArray[np.float64]
    shift_px: NDArray[np.int64]
    symmetry: NDArray[np.int64]

    @classmethod
    def draw(
        cls, count: int, *, config: TrainConfig, rng: np.random.Generator, window: bool
    ) -> "Displacements":
        """Independent displacements of `count` tiles, without symmetry.

        Args:
            count: Tiles.
            config: Its keys turn_deg, crop, zoom and shift_px.
            rng: Source of the draws.
            window: Cut a window of a side from `crop` to 1, anywhere that the turned window fits;
                otherwise the window lies about the tile's centre.
        """
        turn_deg = rng.uniform(-config.turn_deg, config.turn_deg, count)
        cut = rng.uniform(config.crop if window else 1.0, 1.0, count)
        side = cut * np.exp(rng.uniform(-1, 1, count) * math.log(config.zoom))
        centre = _anywhere(turn_deg, side, rng) * window
        return cls._shifted(turn_deg, side, centre, config, rng)

    @classmethod
    def about(
        cls, windows: Windows, *, config: TrainConfig, rng: np.random.Generator
    ) -> "Displacements":
        """The same windows, each a little off: by turn_deg, zoom and shift_px of `config`."""
        count = len(windows.side)
        turn_deg = windows.turn_deg + rng.uniform(-config.turn_deg, config.turn_deg, count)
        side = windows.side * np.exp(rng.uniform(-1, 1, count) * math.log(config.zoom))
        return cls._shifted(turn_deg, side, windows.centre, config, rng)

    @classmethod
    def _shifted(
        cls,
        turn_deg: NDArray[np.float64],
        side: NDArray[np.float64],
        centre: NDArray[np.float64],
        config: TrainConfig,
        rng: np.random.Generator,
    ) -> "Displacements":
        reach = config.shift_px
        shift_px = rng.integers(-reach, reach + 1, (len(side), 2))
        symmetry = np.zeros(len(side), np.int64)
        return cls(
            turn_deg=turn_deg, side=side, centre=centre, shift_px=shift_px, symmetry=symmetry
        )

    def with_symmetry(self, code: NDArray[np.int64]) -> "Displacements":
        """The same windows, turned by quarters and mirrored as int [n] says."""
        return replace(self, symmetry=code)

    def take(self, rows: NDArray[np.int64]) -> "Displacements":
        """The displacements of some of the tiles."""
        return Displacements(
            turn_deg=self.turn_deg[rows],
            side=self.side[rows],
            centre=self.centre[rows],
            shift_px=self.shift_px[rows],
            symmetry=self.symmetry[rows],
        )

    def matrices(self, *, tile_px: int) -> NDArray[np.float32]:
        """float32 [n, 2, 3]: from the window's normalised x, y, 1 to the tile's x, y."""
        turn = np.radians(self.turn_deg)
        cosine, sine = np.cos(turn), np.sin(turn)
        turned = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
        linear = self.side[:, None, None] * (turned @ _SYMMETRIES[self.symmetry])
        # The content moves one way when the window moves the other.
        centre = self.centre - self.shift_px[:, ::-1] * (2 / tile_px)
        return np.concatenate([linear, centre[:, :, None]], axis=2).astype(np.float32)


def displaced(
    pixels: Tensor, draws: Displacements, *, out_px: int, nearest: slice | None = None
) -> Tensor:
    """The windows, resampled: float [n, channels, out_px, out_px].

    Bilinear; where a window is larger than `out_px`, its pixels are averaged first. What lies
    beyond a tile is its reflection.

    Args:
        pixels: [n, channels, side, side], float or uint8, which counts as 255ths.
        draws: The windows.
        out_px: Side of what comes out.
        nearest: Channels of which the nearest pixel is taken, so that classes do not mix.
    """
    n, channels, side = pixels.shape[:3]
    result = torch.empty((n, channels, out_px, out_px), device=pixels.device)
    if not n:
        return result
    points = _points(draws.matrices(tile_px=side), out_px, pixels.device)
    start, stop, _ = nearest.indices(channels) if nearest else (channels, channels, 1)
    result[:, start:stop] = _sampled(_unit(pixels[:, start:stop]), points, mode="nearest")
    shrinking = np.maximum(np.rint(draws.side * side / out_px), 1).astype(np.int64)
    for factor in np.unique(shrinking).tolist():
        rows = np.flatnonzero(shrinking == factor)
        some: slice | Tensor = slice(None) if len(rows) == n else on_device(rows, pixels.device)
        for smooth in (slice(0, start), slice(stop, channels)):
            averaged = _averaged(_unit(pixels[some, smooth]), factor)
            result[some, smooth] = _sampled(averaged, points[some], mode="bilinear")
    return result


def _anywhere(
    turn_deg: NDArray[np.float64], side: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres at random, such that the turned windows stay within their tile where they can."""
    turn = np.radians(turn_deg)
    room = np.maximum(1 - side * (np.abs(np.cos(turn)) + np.abs(np.sin(turn))), 0)
    centres: NDArray[np.float64] = rng.uniform(-1, 1, (len(side), 2)) * room[:, None]
    return centres


def _points(matrices: NDArray[np.float32], out_px: int, device: torch.device) -> Tensor:
    """Where each window's pixels lie in its tile, x and y: float [n, out_px, out_px, 2].

    As torch's affine_grid, which multiplies matrices where two sums of lines do.
    """
    line = (torch.arange(out_px, device=device) + 0.5) * (2 / out_px) - 1
    across, down, centre = on_device(np.moveaxis(matrices, 2, 0), device)[..., None, None, :]
    points: Tensor = (across * line[:, None] + centre) + down * line[:, None, None]
    return points


def _sampled(pixels: Tensor, points: Tensor, *, mode: str) -> Tensor:
    if not pixels.shape[1]:
        return pixels.new_empty((len(pixels), 0, *points.shape[1:3]))
    return grid_sample(pixels, points, mode=mode, padding_mode="reflection", align_corners=False)


def _averaged(pixels: Tensor, factor: int) -> Tensor:
    """Means of `factor` x `factor` pixels; normalised coordinates stay as they are."""
    if factor == 1 or not pixels.shape[1]:
        return pixels
    return adaptive_avg_pool2d(pixels, -(-pixels.shape[-1] // factor))


def _unit(pixels: Tensor) -> Tensor:
    return pixels.float().div(255) if pixels.dtype == torch.uint8 else pixels


def _symmetries() -> NDArray[np.float64]:
    """Float [8, 2, 2]: where `turn_and_flip` takes what it puts at x, y, by its code."""
    turns = [np.linalg.matrix_power(_QUARTER, quarters) for quarters in range(4)]
    return np.stack(turns + [turn @ np.diag([-1.0, 1.0]) for turn in turns])


_SYMMETRIES = _symmetries()
