"""A second look: a photo and where it may lie go in; how well it fits there, and where exactly.

The search lays a grid of cells over tiles (`aerialret.network.dense`). Here the same network sees
photo and candidates at twice the size, so that there are four cells where there was one. Each
candidate is cut out as the photo would show it; the photo's cells, turned and scaled a little
further, are laid over it at every position. No other weights, and one pass for each candidate.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import (
    adaptive_avg_pool2d,
    affine_grid,
    avg_pool2d,
    conv2d,
    grid_sample,
    normalize,
)

from aerialret.errors import ConfigurationError
from aerialret.network.checkpoint import Model
from aerialret.network.dense import GridLayout
from aerialret.network.inputs import Pictures, covered, resized, whole_pictures
from aerialret.network.peaks import peak_offset
from aerialret.network.precision import reduced_precision
from aerialret.network.vectors import Modality, grid_cells
from aerialret.tiles.grid import Bounds
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification.cutting import codes_of, cut_out, scaled
from aerialret.verification.pose import Pose
from aerialret.verification.reference import Reference, ReferenceReader

NEARER = 2
"""How much larger photo and candidates are than in the search, where they have the pixels."""

TURNS_DEG = (-7.5, -5.0, -2.5, 0.0, 2.5, 5.0, 7.5)
"""Further turns: the search's own are up to 15 degrees apart."""

_TURN_STEP_DEG = TURNS_DEG[1] - TURNS_DEG[0]

ZOOMS = (0.88, 0.94, 1.0, 1.06, 1.13)
"""Further scales: the search's own are up to a quarter apart."""

_MARGIN = 1 / 6  # of the photo's side, on every side: how far off the search may be
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a photo fits one candidate.

    Attributes:
        score: Mean cosine of the photo's cells and those they meet, 1 at best; where the model has
            a reranker, how well they agree by that.
        pose: Of the photo's square, where it fits best.
    """

    score: float
    pose: Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A photo laid on a candidate where it fits best.

    Attributes:
        photo: float [c, s, s], its cells, unit vectors; zero where it shows nothing.
        place: float [c, s, s], those they meet; zero where nothing is known.
        kept: Share of the photo that is still within its square after a further turn.
        mean: Mean cosine; what is not kept counts as zero.
        pose: Of the photo's square.
    """

    photo: Tensor
    place: Tensor
    kept: float
    mean: float
    pose: Pose


class SecondLook:
    """Looks at candidates from nearer by.

    Args:
        model: With the head `grid`.
        tile_px: Side of the photos in pixels.
        modality: What may be looked at.

    Raises:
        ConfigurationError: The model has another head, and so no cells.
    """

    def __init__(self, model: Model, *, tile_px: int, modality: Modality) -> None:
        if not model.config.is_grid:
            raise ConfigurationError(
                f"a second look by cells was asked for, but model {model.folder} has no head "
                "'grid'; use rerank 'none' or 'sift', or train 'aerialret'"
            )
        self._model, self._modality = model, modality
        layout = GridLayout.of(model.config, tile_px=tile_px)
        seen = min(NEARER * layout.template, tile_px // layout.stride_px)
        cells, self._stride_px = max(layout.template, seen), layout.stride_px
        self._cells, self._margin = cells, max(2, round(cells * _MARGIN))
        self._photo_px, self._tile_px = cells * self._stride_px, tile_px

    @property
    def is_reranked(self) -> bool:
        """Whether scores are those of a reranker."""
        return self._model.reranker is not None

    def fits(
        self, photo: TileBatch, poses: Sequence[Pose], references: Sequence[Reference]
    ) -> list[Fit]:
        """How the photo fits each candidate.

        Args:
            photo: One square, [1, ..., tile_px, tile_px].
            poses: Where the search puts it.
            references: What is there, for each of `poses`.
        """
        reranker = self._model.reranker
        found = []
        with torch.inference_mode():
            for laid in self._laid(photo, poses, references):
                score = laid.mean
                if reranker is not None:
                    score = laid.kept * float(reranker(laid.photo[None], laid.place[None]))
                found.append(Fit(score=score, pose=laid.pose))
        return found

    def fits_at(
        self, photo: TileBatch, poses: Sequence[Pose], dates: Sequence[str], reader: ReferenceReader
    ) -> list[Fit]:
        """How the photo fits what `reader` has at each pose and date."""
        return self.fits(photo, poses, self._references(poses, dates, reader))

    def laid_at(
        self, photo: TileBatch, poses: Sequence[Pose], dates: Sequence[str], reader: ReferenceReader
    ) -> list[Laid]:
        """The photo where it fits best near each pose, laid on what `reader` has there."""
        with torch.inference_mode():
            return list(self._laid(photo, poses, self._references(poses, dates, reader)))

    def _laid(
        self, photo: TileBatch, poses: Sequence[Pose], references: Sequence[Reference]
    ) -> Iterator[Laid]:
        if not poses:
            return
        kernels, kept = self._kernels(photo)
        units = normalize(kernels, dim=1)
        for start in range(0, len(poses), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            maps = self._candidates(poses[some], references[some])
            found = conv2d(maps, kernels).cpu().numpy()
            for each, scores, pose in zip(maps, found, poses[some], strict=True):
                step, row, column = map(int, np.unravel_index(int(scores.argmax()), scores.shape))
                yield Laid(
                    photo=units[step], kept=float(kept[step]), mean=float(scores.max()),
                    place=each[:, row : row + self._cells, column : column + self._cells],
                    pose=self._pose(scores, pose, kept),
                )  # fmt: skip

    def _references(
        self, poses: Sequence[Pose], dates: Sequence[str], reader: ReferenceReader
    ) -> list[Reference]:
        return [
            reader.around(self._extent(pose), date=date, margin_m=0.0)
            for pose, date in zip(poses, dates, strict=True)
        ]

    def _extent(self, pose: Pose) -> Bounds:
        """What is cut out at `pose`, whatever its turn."""
        side_m = pose.metres_per_px * self._tile_px * (1 + 2 * self._margin / self._cells)
        reach = side_m / math.sqrt(2)
        return Bounds(pose.x - reach, pose.y - reach, pose.x + reach, pose.y + reach)

    def _kernels(self, photo: TileBatch) -> tuple[Tensor, NDArray[np.float32]]:
        """The photo's cells at every further turn and scale: float [turns * zooms, c, t, t].

        All of the square counts, not the inscribed circle alone as in the search. And how much of
        it each of them keeps within the square: float32 [turns * zooms], 1 for all.
        """
        model, side = self._model, self._cells
        whole = whole_pictures(photo, config=model.config, device=model.device)
        seen = resized(whole, side=self._photo_px)
        cells = self._seen(seen)
        valid = torch.from_numpy(photo.valid[:, None]).to(cells)
        present = adaptive_avg_pool2d(valid, side)
        layers = torch.cat([cells, present], dim=1)
        matrices = torch.stack([_turn(*step) for step in product(TURNS_DEG, ZOOMS)]).to(cells)
        places = affine_grid(matrices, [len(matrices), *layers.shape[1:]], align_corners=False)
        many = layers.expand(len(matrices), -1, -1, -1)
        warped = grid_sample(many, places, align_corners=False, padding_mode="zeros")
        weights = warped[:, -1:] / present.sum().clamp(min=1e-6)
        kept = weights.sum(dim=(1, 2, 3)).clamp(min=1e-6).cpu().numpy()
        return normalize(warped[:, :-1], dim=1) * weights, kept

    def _candidates(self, poses: Sequence[Pose], references: Sequence[Reference]) -> Tensor:
        """Cells of what lies at each pose, zero where there is nothing: float [k, c, s, s]."""
        config, device = self._model.config, self._model.device
        side = (self._cells + 2 * self._margin) * self._stride_px
        wider = self._tile_px / self._photo_px
        cut = [
            cut_out(each, scaled(pose, wider), side=side, encoding=config.mask_encoding)
            for pose, each in zip(poses, references, strict=True)
        ]
        image, mask, valid = (torch.stack(layer).to(device) for layer in zip(*cut, strict=True))
        has_mask = torch.tensor([bool(covered(codes_of(each)[None])[0]) for each in references])
        seen = Pictures(image, mask, has_mask.to(device))
        cells = self._seen(seen)
        assert cells.shape[-1] * self._stride_px == side, config.trunk
        return cells * avg_pool2d(valid, self._stride_px)

    def _seen(self, seen: Pictures) -> Tensor:
        with reduced_precision(self._model.device):
            return grid_cells(self._model.network, seen, self._modality).float()

    def _pose(self, scores: NDArray[np.float32], pose: Pose, kept: NDArray[np.float32]) -> Pose:
        """Where the best of float [turns * zooms, rows, columns] is, between the steps.

        What a further turn takes out of the square is lost to the score, so that a wrong place is
        not helped by the few cells that are left; where the photo lies is told by those that meet.
        """
        met = scores / kept[:, None, None]
        grid = met.reshape(len(TURNS_DEG), len(ZOOMS), *scores.shape[1:])
        turn, zoom, row, column = map(int, np.unravel_index(int(grid.argmax()), grid.shape))
        across = column + peak_offset(grid[turn, zoom, row], column) - self._margin
        down = row + peak_offset(grid[turn, zoom, :, column], row) - self._margin
        further = TURNS_DEG[turn] + peak_offset(grid[:, zoom, row, column], turn) * _TURN_STEP_DEG
        step = peak_offset(grid[turn, :, row, column], zoom)
        nearer = ZOOMS[zoom] * (ZOOMS[1] / ZOOMS[0]) ** step
        cell_px = self._tile_px / self._cells
        x, y = pose.to_map(width=0, height=0) @ [across * cell_px, down * cell_px, 1.0]
        return Pose(
            x=float(x), y=float(y), rotation_deg=pose.rotation_deg + further,
            metres_per_px=pose.metres_per_px / nearer,
        )  # fmt: skip


def _turn(degrees: float, zoom: float) -> Tensor:
    """Float [2, 3]: where the photo's cells lie if it is turned and scaled further."""
    cosine, sine = (
        zoom * math.cos(math.radians(degrees)),
        zoom * math.sin(math.radians(degrees)),
    )
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
