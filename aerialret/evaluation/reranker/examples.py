"""Examples for a reranker: places go in, their photos laid on right and wrong places come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.photos import Photos, photos_of
from aerialret.evaluation.second_looks import Looking, Seen
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, describe_queries, modalities_of
from aerialret.retrieval.candidates import Candidates
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import Laid, SecondLook

WRONG = 7
"""Wrong places of an example: those that fit best."""

_OF_EACH_SCALE = 3
"""First tiles of each scale that are looked at, as what may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A photo laid on its place, and on up to `WRONG` others.

    Attributes:
        photo: bfloat16 [k, c, s, s], the photo's cells as they were laid on each, see `Laid`.
        place: bfloat16 [k, c, s, s], those of the places, the right one first.
        kept: float [k], see `Laid`.
    """

    photo: Tensor
    place: Tensor
    kept: Tensor

    @classmethod
    def of(cls, laid: Sequence[Laid]) -> "Example":
        """The right one first."""
        return cls(
            photo=torch.stack([each.photo for each in laid]).bfloat16().cpu(),
            place=torch.stack([each.place for each in laid]).bfloat16().cpu(),
            kept=torch.tensor([each.kept for each in laid]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Where examples come from.

    Attributes:
        tileset: Holds the tiles of both dates.
        model: Describes them; what it has for a reranker is not asked.
        dates: Of the photos and of the gallery.
        tiles: May be found; no other place is seen.
        known: The gallery.
    """

    tileset: TileSet
    model: Model
    dates: Dates
    tiles: frozenset[TileId]
    known: GalleryCache

    def of(
        self, places: Sequence[TileId], *, protocol: str, modality: Modality, seed: int
    ) -> Iterator[Example]:
        """An example for each place, in their order.

        Args:
            places: Of `tiles`.
            protocol: How the photos are cut, see `aerialret.evaluation.protocols`.
            modality: What may be looked at of them.
            seed: Of the cutting.
        """
        date, grid, model = self.dates.gallery, self.tileset.grid, self.model
        photos = photos_of(
            self.tileset, dates=self.dates, protocol=protocol, seed=seed, tiles=places
        )
        tiles = self.tileset.tiles(date)
        selected = np.array([tile in self.tiles for tile in tiles])
        vectors = self.known.vectors(date, modalities_of(model.config)[0])
        maps = GridMaps(vectors, model.layout, device=model.device.type)
        most = _OF_EACH_SCALE * len(maps.layout.scales)
        candidates = Candidates(
            model=model, modality=modality, rotations=model.asking.rotations, top=most
        )
        looking = Looking(
            look=SecondLook(model, tile_px=grid.tile_px, modality=modality),
            reader=ReferenceReader(self.tileset), grid=grid, tiles=tiles, date=date,
        )  # fmt: skip
        for row in range(len(photos)):
            batch = photos.cut(self.tileset, slice(row, row + 1)).batch
            views = describe_queries(
                model, batch, modality=modality, rotations=model.asking.rotations
            )[0]
            found = candidates.of(batch, views, maps, selected=selected)
            seen = list(map(Seen.of, islice(found, most)))
            poses = [looking.pose(each.window, tiles[each.row]) for each in seen]
            laid = looking.look.laid_at(
                batch, [*poses, true_pose(photos, row)], [date] * (len(poses) + 1), looking.reader
            )
            yield _example(laid, [each.row for each in seen], truth=int(photos.truth[row]))


def true_pose(photos: Photos, row: int) -> Pose:
    """Where a photo was cut out."""
    shown = photos.shown
    return Pose(
        x=float(shown.centres_m[row, 0]), y=float(shown.centres_m[row, 1]),
        rotation_deg=-float(shown.rotation_deg[row]),
        metres_per_px=float(shown.metres_per_px[row]),
    )  # fmt: skip


def _example(laid: Sequence[Laid], rows: Sequence[int], *, truth: int) -> Example:
    """The last of `laid` is put where the photo lies, the others in the gallery's `rows`."""
    best: dict[int, Laid] = {truth: laid[-1]}
    for row, each in zip(rows, laid, strict=False):
        if row not in best or each.mean > best[row].mean:
            best[row] = each
    right = best.pop(truth)
    wrong = sorted(best.values(), key=lambda each: -each.mean)[:WRONG]
    return Example.of([right, *wrong])
