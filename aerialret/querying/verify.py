"""Verification of answers: photos with their hits go in; they come back located and re-ranked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.network.checkpoint import Model
from aerialret.querying.photo import Photo
from aerialret.querying.photo_pixels import PhotoPixels, read_pixels
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.descriptor_chunks import Progress
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit
from aerialret.verification.by_cells import CellLocator
from aerialret.verification.dense import DenseMatcher
from aerialret.verification.doubt import LEAST_OF_CELLS, LEAST_OF_NETWORKS
from aerialret.verification.learned.named import LEARNED, learned_matcher
from aerialret.verification.location import Location
from aerialret.verification.locator import Locator, PointLocator
from aerialret.verification.model_maps import ModelMaps
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader

LONGEST_PX = 2048
"""Longer photos are reduced before they are matched; they are written at their full size."""

LOCATORS: dict[str, tuple[Locator, ...]] = {
    "auto": (PointLocator(), CellLocator()),
    "sift": (PointLocator(),),
    "gradients": (CellLocator(),),
}
"""Ways to lay photos on the map, by name: each is tried where none before it is believed.

These need nothing; `require_locators` knows those that need a network, too.
"""

MATCHERS = (*LOCATORS, "cells", *LEARNED)
"""Names of all ways."""

_MARGIN = 0.5  # of a tile, around the hit's tile: the photo may lie across its edge


def require_pixels(index: Index) -> ReferenceReader:
    """What photos are compared with.

    Raises:
        MissingInputError: The tile set of the index is no longer there.
    """
    if index.tileset is None:
        raise MissingInputError(
            f"index {index.folder} was built from tile set {index.manifest.facts['tile_set']}, "
            "which is not there, but '--verify' compares photos with its pixels; put it back, or "
            "search without '--verify'"
        )
    return ReferenceReader(index.tileset)


def require_locators(matcher: str, *, model: Model, weights: str = "") -> tuple[Locator, ...]:
    """The ways to lay photos on the map that `matcher` names.

    Args:
        matcher: One of `MATCHERS`.
        model: Whose cells are matched, and where networks compute.
        weights: Folder with the weights of learned matchers; empty: torch hub's cache alone.

    Raises:
        ConfigurationError: It names none, or one that this model or installation cannot serve.
        MissingInputError: It names a learned one whose weights are not there.
        UnreadableInputError: They are not its weights.
    """
    if matcher in LOCATORS:
        return LOCATORS[matcher]
    if matcher == "cells":
        cells = DenseMatcher(maps=ModelMaps(model))
        return (PointLocator(matcher=cells, least_inliers=LEAST_OF_CELLS),)
    if matcher in LEARNED:
        folder = Path(weights) if weights else None
        learned = learned_matcher(matcher, device=model.device, folder=folder)
        return (PointLocator(matcher=learned, least_inliers=LEAST_OF_NETWORKS),)
    raise ConfigurationError(
        f"matcher {matcher!r} was asked for, but there are {', '.join(MATCHERS)}; name one of these"
    )


def verified(
    answers: Sequence[PhotoAnswer],
    index: Index,
    *,
    top: int,
    locators: Sequence[Locator] = LOCATORS["auto"],
    progress: Progress | None = None,
) -> tuple[PhotoAnswer, ...]:
    """The answers with the photo located at each of the first `top` hits, those believed first.

    Believed hits come by decreasing number of control points, those whose tile holds the photo's
    centre before their neighbours; the others follow in the order of the search. A believed hit's
    centre, side and turn are those of its location.

    Args:
        answers: What the search found.
        index: Where it was found.
        top: Hits of each answer that are tried.
        locators: Tried one after the other, until one is believed.
        progress: Told the photos done and the photos in all.

    Raises:
        MissingInputError: The tile set of the index is no longer there.
    """
    reader = require_pixels(index)
    done = []
    for number, answer in enumerate(answers, start=1):
        pixels = on_the_ground(read_pixels(Path(answer.query), longest_px=LONGEST_PX), answer.photo)
        done.append(verified_answer(answer, pixels, reader, top=top, locators=locators))
        if progress:
            progress(number, len(answers))
    return tuple(done)


def on_the_ground(pixels: PhotoPixels, photo: Photo) -> PhotoPixels:
    """`pixels` of a photo with what the search took for a frame marked as no image."""
    if photo.scan is None or photo.scan.content.mask is None:
        return pixels
    height, width = pixels.valid.shape
    return replace(pixels, valid=pixels.valid & photo.scan.content.at(shape=(height, width)))


def first_answers(answer: PhotoAnswer, top: int) -> PhotoAnswer:
    """`answer` with its first `top` hits."""
    kept = None if answer.locations is None else answer.locations[:top]
    return replace(answer, hits=answer.hits[:top], turns_deg=answer.turns_deg[:top], locations=kept)


def verified_answer(
    answer: PhotoAnswer,
    pixels: PhotoPixels,
    reader: ReferenceReader,
    *,
    top: int,
    locators: Sequence[Locator] = LOCATORS["auto"],
) -> PhotoAnswer:
    """One photo's answer as `verified` gives it, from pixels that need not lie in a file.

    Args:
        answer: What the search found.
        pixels: Of the photo.
        reader: What it is compared with.
        top: Hits that are tried.
        locators: Tried one after the other, until one is believed.
    """
    locations: list[Location | None] = [None] * len(answer.hits)
    for number, hit in enumerate(answer.hits[:top]):
        margin_m = _margin_m(answer, hit, reader)
        reference = reader.around(hit.bounds, date=hit.date, margin_m=margin_m)
        start = start_of(answer, number, pixels)
        tried: list[Location] = []
        for locator in locators:
            found = locator.locate(pixels.image, pixels.valid, reference, start=start)
            tried += [found] if found else []
            if found and found.believable:
                break
        locations[number] = max(tried, key=_trust, default=None)
    return _reordered(answer, [_full_size(location, pixels) for location in locations])


def _margin_m(answer: PhotoAnswer, hit: Hit, reader: ReferenceReader) -> float:
    """How far around the hit's tile the photo is looked for.

    A photo that was cut into squares may be much larger than a tile: half of it.
    """
    large = hit.side_m or 0.0 if answer.votes is not None else 0.0
    return max(_MARGIN * reader.tileset.grid.tile_size_m, large / 2)


def _trust(location: Location) -> tuple[bool, int]:
    return location.believable, location.inliers


def _full_size(location: Location | None, pixels: PhotoPixels) -> Location | None:
    return location and location.resized(width=pixels.width, height=pixels.height)


def start_of(answer: PhotoAnswer, number: int, pixels: PhotoPixels) -> Pose | None:
    """Where the search saw the photo, as far as its method tells.

    It saw the centre square of a plain picture; of a georeferenced one it saw a window of the size
    of a tile, of which the picture may show more or less, so that its scale says nothing here.
    """
    hit = answer.hits[number]
    if hit.side_m is None or answer.photo.window is not None:
        return None
    return Pose(
        x=hit.x,
        y=hit.y,
        rotation_deg=answer.turns_deg[number],
        metres_per_px=hit.side_m / min(pixels.valid.shape),
    )


def _reordered(answer: PhotoAnswer, locations: list[Location | None]) -> PhotoAnswer:
    standing = [_standing(*pair) for pair in zip(answer.hits, locations, strict=True)]
    order = sorted(range(len(standing)), key=standing.__getitem__, reverse=True)  # stable
    hits, turns = [], []
    for rank, number in enumerate(order, start=1):
        location, turn = locations[number], answer.turns_deg[number]
        hit = replace(answer.hits[number], rank=rank)
        if location is not None and location.believable:
            hit, turn = _placed(hit, location), location.pose.rotation_deg % 360
        hits.append(hit)
        turns.append(turn)
    return replace(
        answer,
        hits=tuple(hits),
        turns_deg=tuple(turns),
        locations=tuple(locations[number] for number in order),
    )


def _standing(hit: Hit, location: Location | None) -> tuple[bool, int]:
    """The larger, the better: whether the tile holds the photo's centre, and its control points.

    Neighbours of the right tile, too, are believed, as the photo is looked for around each tile.
    """
    if location is None or not location.believable:
        return False, 0
    x, y = location.pose.x, location.pose.y
    left, bottom, right, top = hit.bounds
    return left <= x < right and bottom < y <= top, location.inliers


def _placed(hit: Hit, location: Location) -> Hit:
    pose = location.pose
    side_m = pose.metres_per_px * min(location.width, location.height)
    return replace(hit, x=pose.x, y=pose.y, side_m=side_m)
