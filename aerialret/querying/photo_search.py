"""The search for photos: photos and an index go in, the hits of each whole photo come out.

All squares of all photos are described in one batch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from shapely.geometry.base import BaseGeometry

from aerialret.network.descriptors import describe_queries, modalities_of, turn_of_view
from aerialret.querying.photo import Photo
from aerialret.querying.scan import Scan
from aerialret.querying.second_looks import SecondLooks
from aerialret.querying.voted_looks import SquareSeen
from aerialret.querying.whole_photo import HITS_OF_A_CUT, Found, by_votes, of_one_square
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit, search, select_tiles
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.dates import DateInterval
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch

_ALIKE = 0.01
"""Photos whose ground differs by no more than this share are searched together."""


def sides_compared_m(index: Index) -> tuple[float, ...]:
    """Sides of the ground, in metres, that the index compares photos with."""
    windows = set(index.tiles["scale"]) if "scale" in index.tiles.columns else {1.0}
    model = index.model
    shares = model.layout.scales if model.config.is_grid else (1.0,)
    return tuple(sorted({index.grid.tile_size_m * a * b for a in windows for b in shares}))


def search_photos(
    photos: Sequence[Photo],
    *,
    index: Index,
    top: int,
    dates: DateInterval | None = None,
    area: BaseGeometry | None = None,
    rotations: int = 1,
    looks: SecondLooks | None = None,
    batch_size: int = 32,
) -> list[Found]:
    """What the index holds of each photo, the best `top`.

    Args:
        photos: To be searched.
        index: Where to search.
        top: Hits of each photo.
        dates: Only tiles whose date overlaps this interval can be found.
        area: Only tiles that share area with this geometry (in the index's CRS) can be found.
        rotations: Turns of each photo that are tried, evenly over the circle.
        looks: Looks at the first hits again; of squares that vote, at the first places.
        batch_size: Squares described at once.
    """
    if not photos:
        return []
    batches = [_squares_of(photo) for photo in photos]
    descriptors = describe_queries(
        index.model, _joined(batches), modality=modalities_of(index.model.config)[0],
        rotations=rotations, batch_size=batch_size,
    )  # fmt: skip
    views = descriptors.shape[1]
    ends = np.cumsum([len(batch) for batch in batches])
    selected = select_tiles(index, dates=dates, area=area)
    most = max(top, looks.top) if looks else top
    asked = [
        _Asked(squares=range(end - len(batch), end), shown_m=_shown_m(photo))
        for photo, batch, end in zip(photos, batches, ends.tolist(), strict=True)
    ]
    results = _searched(descriptors, asked, index=index, top=most, dates=dates, area=area)
    found = []
    for photo, batch, hits, each in zip(photos, batches, results, asked, strict=True):
        turns = [_turns(some, views, rotations) for some in hits]
        if photo.scan is None or len(hits) == 1:
            best, turned = hits[0], turns[0]
            if looks:
                best, turned = looks.again(
                    batch, best, turned, views=descriptors[each.squares[0]], selected=selected,
                    shown_m=each.shown_m,
                )  # fmt: skip
            found.append(_at_once(photo, best, turned))
            continue
        seen = _seen(photo.scan, batch, hits, turns)
        voted = by_votes(
            photo.scan, index, seen, top=top, rotations=rotations, selected=selected, looks=looks
        )
        found.append(voted)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """How one photo is searched.

    Attributes:
        squares: The numbers of its squares.
        shown_m: Side of the ground that each of them shows; None where that is not known.
    """

    squares: range
    shown_m: float | None


def _shown_m(photo: Photo) -> float | None:
    if photo.scan is None or photo.scan.resolution is None:
        return None
    shown_m = photo.scan.cuts[0].square.side * photo.scan.resolution.metres_per_px
    return math.exp(round(math.log(shown_m) / _ALIKE) * _ALIKE)


def _searched(
    descriptors: Descriptors,
    asked: Sequence[_Asked],
    *,
    index: Index,
    top: int,
    dates: DateInterval | None,
    area: BaseGeometry | None,
) -> list[list[list[Hit]]]:
    """For each photo the hits of each of its squares; squares that vote have enough for that."""
    alike: dict[tuple[bool, float | None], list[int]] = {}
    for each in asked:
        alike.setdefault((len(each.squares) > 1, each.shown_m), []).extend(each.squares)
    hits: dict[int, list[Hit]] = {}
    for (voting, shown_m), rows in alike.items():
        most = max(top, HITS_OF_A_CUT) if voting else top
        found = search(index, descriptors[rows], top=most, dates=dates, area=area, shown_m=shown_m)
        hits |= dict(zip(rows, found, strict=True))
    return [[hits[square] for square in each.squares] for each in asked]


def _at_once(photo: Photo, hits: list[Hit], turns: tuple[float, ...]) -> Found:
    """The hits of a photo that was not cut into squares."""
    if photo.scan is None:
        return Found(hits=tuple(hits), turns_deg=turns)
    return of_one_square(photo.scan, photo.scan.cuts[0].square, hits, turns)


def _seen(
    scan: Scan, batch: TileBatch, hits: list[list[Hit]], turns: list[tuple[float, ...]]
) -> list[SquareSeen]:
    """The squares of a photo that vote."""
    return [
        SquareSeen(
            square=cut.square,
            pixels=_alone(batch, n),
            hits=hits[n],
            turns_deg=turns[n],
        )
        for n, cut in enumerate(scan.cuts)
    ]


def _turns(hits: Sequence[Hit], views: int, rotations: int) -> tuple[float, ...]:
    return tuple(turn_of_view(hit.view, views=views, rotations=rotations) for hit in hits)


def _squares_of(photo: Photo) -> TileBatch:
    """The squares of one photo as tiles; a plain picture has no mask."""
    if photo.scan is None:
        return TileBatch(photo.image[None], photo.mask[None], photo.valid[None])
    cuts = photo.scan.cuts
    valid = np.stack([cut.valid for cut in cuts])
    masks = np.full(valid.shape, NO_COVERAGE, np.uint8)
    return TileBatch(np.stack([cut.image for cut in cuts]), masks, valid)


def _alone(batch: TileBatch, number: int) -> TileBatch:
    one = slice(number, number + 1)
    return TileBatch(batch.images[one], batch.masks[one], batch.valid[one])


def _joined(batches: Sequence[TileBatch]) -> TileBatch:
    return TileBatch(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.masks for batch in batches]),
        np.concatenate([batch.valid for batch in batches]),
    )
