"""Queries: photos and an index go in, the places they may show come out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from aerialret.config import SourceConfig
from aerialret.errors import (
    AerialretError,
    ConfigurationError,
    MissingInputError,
    NothingToDoError,
)
from aerialret.network.descriptors import Modality, modalities_of
from aerialret.querying.certainty import Certainty, certainty_of, depth_of
from aerialret.querying.photo import Photo, read_photo
from aerialret.querying.photo_search import search_photos, sides_compared_m
from aerialret.querying.pictures import has_mask
from aerialret.querying.scan import Reading
from aerialret.querying.second_looks import SecondLooks
from aerialret.querying.voted_certainty import certainty_of_votes
from aerialret.querying.whole_photo import Found
from aerialret.retrieval.calibration import ModelCalibration, read_calibration
from aerialret.retrieval.descriptor_chunks import Progress
from aerialret.retrieval.index_store import MODEL_FOLDER, Index
from aerialret.retrieval.search import Hit, select_tiles
from aerialret.tiles.dates import DateInterval
from aerialret.verification.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoAnswer:
    """What the index says about one photo.

    Attributes:
        query: The photo's path as it was given.
        modality: What the photo was described by.
        notes: What was assumed, cut off or left out, for the user to read.
        hits: The answers, the best first.
        turns_deg: For each hit, the turn of the photo, counter-clockwise, that fitted it best.
        photo: The photo as it was searched.
        crs: CRS of the hits' bounds.
        locations: For each hit, the photo laid on the map beside it; None where nothing agreed, or
            it was not tried. None in all where no hit was verified.
        votes: Squares of the photo that agree, by place and date of the hit; None where the photo
            was not cut into squares.
        certainty: How probable the hits are by the search alone; None where no calibration tells.
    """

    query: str
    modality: Modality
    notes: tuple[str, ...]
    hits: tuple[Hit, ...]
    turns_deg: tuple[float, ...]
    photo: Photo
    crs: str
    locations: tuple[Location | None, ...] | None = None
    votes: Mapping[tuple[str, str], int] | None = None
    certainty: Certainty | None = None


_AS_IT_IS = Reading()
_VOTES_ARE_LIKELY = "its probabilities are put together from those of its squares"
_VOTES_TELL_NOTHING = "no probability: votes of a method that tells the tile alone have none"


@dataclass(frozen=True, slots=True)
class RejectedPhoto:
    """A photo that could not be searched, and why."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answers in the order of the photos, and the photos that have none."""

    answers: tuple[PhotoAnswer, ...]
    rejected: tuple[RejectedPhoto, ...]


def query(
    photos: Sequence[Path],
    *,
    index: Index,
    top: int,
    dates: DateInterval | None = None,
    area: BaseGeometry | None = None,
    vectors: tuple[str, ...] = (),
    classes: str = "bdtopo",
    vector_crs: str = "",
    photo_crs: str = "",
    rotations: int = 1,
    rerank: str = "none",
    rerank_top: int = 20,
    reading: Reading = _AS_IT_IS,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> QueryResult:
    """Searches the index for the places that the photos show.

    Args:
        photos: Georeferenced rasters or plain pictures.
        index: Where to search.
        top: Answers for each photo.
        dates: Only tiles whose date overlaps this interval can be found.
        area: Only tiles that share area with this geometry (in the index's CRS) can be found.
        vectors: Vector layers of the photos' date, as in `SourceConfig.vectors`.
        classes: Class mapping of the vectors.
        vector_crs: CRS of vector layers that carry none.
        photo_crs: CRS of photos with a position but without a CRS.
        rotations: Turns of each photo that are tried, evenly over the circle.
        rerank: `cells` looks at the first answers again, where the tile set of the index is there;
            other checks are not for single photos.
        rerank_top: Answers that are looked at again.
        reading: What is known of plain pictures, and how they are read.
        batch_size: Photos described at once.
        progress: Told the photos done and the photos in all.

    Raises:
        AerialretError: No photo can be used, or the request cannot be met for any of them.
    """
    selected = select_tiles(index, dates=dates, area=area)
    tiles = index.count_places(selected)
    calibration = _calibration(index)
    depth = max(top, depth_of(len(index.dates))) if calibration else top
    source = SourceConfig(
        vectors=vectors, classes=classes, vector_crs=vector_crs, ortho_crs=photo_crs
    )
    reading = replace(reading, sides_m=sides_compared_m(index), between=index.model.config.is_grid)
    looks, missed = _second_looks(index, rerank=rerank, top=rerank_top, rotations=rotations)
    answers: list[PhotoAnswer] = []
    rejected: list[RejectedPhoto] = []
    for start in range(0, len(photos), batch_size):
        some = photos[start : start + batch_size]
        read = _read(some, rejected, index=index, source=source, reading=reading)
        found = search_photos(
            read, index=index, top=depth, dates=dates, area=area, rotations=rotations,
            looks=looks, batch_size=batch_size,
        )  # fmt: skip
        answers += [
            _judged(
                _answer(*pair, index, more_notes=missed), pair[1], index,
                calibration=calibration, tiles=tiles, top=top, rotations=rotations,
                rerank=rerank if looks else "none",
            )
            for pair in zip(read, found, strict=True)
        ]  # fmt: skip
        if progress:
            progress(start + len(some), len(photos))
    _require_answers(answers, rejected)
    return QueryResult(tuple(answers), tuple(rejected))


def _read(
    paths: Sequence[Path],
    rejected: list[RejectedPhoto],
    *,
    index: Index,
    source: SourceConfig,
    reading: Reading,
) -> list[Photo]:
    photos = []
    for path in paths:
        try:
            photo = read_photo(path, grid=index.grid, source=source, reading=reading)
            photos.append(_fitting(photo, index))
        except AerialretError as error:
            rejected.append(RejectedPhoto(path, str(error)))
    return photos


def _fitting(photo: Photo, index: Index) -> Photo:
    """`photo`, if the index's network can see something of it."""
    if index.model.config.input == "mask" and not has_mask(photo.mask):
        raise ConfigurationError(
            f"photo {photo.path} has no mask, but the model of index {index.folder} sees masks "
            "only; give '--vectors' that cover the photo, or an index of another model"
        )
    return photo


def _second_looks(
    index: Index, *, rerank: str, top: int, rotations: int
) -> tuple[SecondLooks | None, tuple[str, ...]]:
    """What looks at answers again; or nothing, and why not where it was asked for."""
    if rerank != "cells":
        return None, ()
    try:
        return SecondLooks.of(index, top=top, rotations=rotations), ()
    except MissingInputError as error:
        return None, (str(error),)


def _answer(
    photo: Photo, found: Found, index: Index, *, more_notes: tuple[str, ...] = ()
) -> PhotoAnswer:
    seen = modalities_of(index.model.config)[0]
    modality: Modality = "image" if seen == "image+mask" and not has_mask(photo.mask) else seen
    scan = photo.scan and photo.scan.without_pixels()
    notes = photo.notes, _vote_notes(photo, found), _modality_notes(photo, seen), more_notes
    return PhotoAnswer(
        query=str(photo.path),
        modality=modality,
        notes=tuple(note for some in notes for note in some),
        hits=found.hits,
        turns_deg=found.turns_deg,
        photo=replace(photo, scan=scan),
        crs=index.grid.crs,
        votes=found.votes,
    )


def _vote_notes(photo: Photo, found: Found) -> list[str]:
    if photo.scan is None or found.votes is None or not found.hits:
        return []
    first = found.hits[0]
    agreeing = found.votes[first.place, first.date]
    return [f"{agreeing} of {len(photo.scan.cuts)} squares agree on the first answer"]


def _calibration(index: Index) -> ModelCalibration | None:
    """What the scores of the index's model mean, where that was measured."""
    return read_calibration(index.folder / MODEL_FOLDER, model=index.manifest.parents["model"])


def _judged(
    answer: PhotoAnswer,
    found: Found,
    index: Index,
    *,
    calibration: ModelCalibration | None,
    tiles: int,
    top: int,
    rotations: int,
    rerank: str,
) -> PhotoAnswer:
    """The best `top` hits of an answer that has more, and how probable they are."""
    if found.voted:
        certainty = certainty_of_votes(
            found, calibration, modality=answer.modality, seen=index.modality, tiles=tiles
        )
    else:
        certainty = certainty_of(
            answer.hits, calibration, modality=answer.modality, seen=index.modality, tiles=tiles,
            rerank=rerank,
        )  # fmt: skip
    notes = answer.notes
    if certainty and calibration and calibration.rotations != rotations:
        turns = f"{rotations} turns were tried, but {calibration.rotations} when calibrating"
        notes = (*notes, f"{turns}: the probabilities are rough")
    if found.voted and calibration:
        notes = (*notes, _VOTES_ARE_LIKELY if certainty else _VOTES_TELL_NOTHING)
    return replace(
        answer, hits=answer.hits[:top], turns_deg=answer.turns_deg[:top], certainty=certainty,
        notes=notes,
    )  # fmt: skip


def _modality_notes(photo: Photo, seen: Modality) -> list[str]:
    if seen == "image+mask" and not has_mask(photo.mask):
        return ["searched by image alone: the mask channel is 'no coverage'"]
    if seen == "image" and has_mask(photo.mask):
        return ["the index's model sees images only: the vectors were not used"]
    return []


def _require_answers(answers: list[PhotoAnswer], rejected: list[RejectedPhoto]) -> None:
    if answers or not rejected:
        return
    if len(rejected) == 1:
        raise NothingToDoError(rejected[0].message)
    raise NothingToDoError(
        f"none of the {len(rejected)} photos can be used; the first: {rejected[0].message}"
    )
