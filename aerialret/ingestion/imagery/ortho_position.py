"""Where an orthophoto lies: an open file goes in, its CRS, geotransform and their origin come out.

The first that tells counts: the file itself, a .prj or .tab beside it, its name, the delivery's
tile index, and for the CRS last what the user gives. What contradicts it becomes a warning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyproj
from affine import Affine
from rasterio.io import DatasetReader

from aerialret.errors import MissingCrsError, UnreadableInputError
from aerialret.ingestion.crs import crs_name, parse_crs, same_place
from aerialret.ingestion.imagery.bdortho_names import TILE_SIDES_M
from aerialret.ingestion.imagery.ortho_evidence import NAME, Clue, Evidence, is_regular

OPTION = "--ortho-crs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an orthophoto lies.

    Attributes:
        crs: Its coordinate system.
        transform: From columns and rows to coordinates.
        crs_origin: What the CRS is known from.
        position_origin: What the geotransform is known from.
        members: Files beside it that were needed.
        warnings: What contradicts the position, or was guessed.
    """

    crs: pyproj.CRS
    transform: Affine
    crs_origin: str
    position_origin: str
    members: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def locate(dataset: DatasetReader, *, path: Path, given_crs: str) -> Position:
    """Where the open file at `path` lies.

    Args:
        dataset: The open file.
        path: Where it was opened.
        given_crs: The CRS of files that nothing else tells the CRS of; empty: none.

    Raises:
        MissingCrsError: Nothing tells its CRS.
        UnreadableInputError: Nothing tells its position, or it is none.
        ConfigurationError: `given_crs` is no CRS.
    """
    evidence = Evidence(dataset, path)
    by_crs, crs = _first_crs(evidence, given=given_crs)
    by_place, transform = _first_transform(evidence, crs)
    if not is_regular(transform):
        raise UnreadableInputError(
            f"{path} has a geotransform in which pixels have no area ({by_place.origin}); "
            "georeference it anew"
        )
    position = Position(
        crs=_listed(crs, evidence, transform),
        transform=transform,
        crs_origin=by_crs.origin,
        position_origin=by_place.origin,
        members=tuple(dict.fromkeys((*by_crs.files, *by_place.files))),
    )
    doubts = (*_doubts(position, evidence, by_place), *_option_doubts(position, given_crs))
    return replace(position, warnings=doubts)


def _first_crs(evidence: Evidence, *, given: str) -> tuple[Clue, pyproj.CRS]:
    tried = []
    for clue in evidence.crs_clues():
        if clue.crs is not None:
            return clue, clue.crs
        tried.append(_said(clue))
    if given:
        crs = parse_crs(given, option=OPTION)
        return Clue(origin=OPTION, crs=crs), crs
    raise MissingCrsError(
        f"{evidence.path} has no coordinate system, and none is given (tried: {', '.join(tried)}); "
        "say which one it is in with --ortho-crs, as in --ortho-crs EPSG:2154"
    )


def _first_transform(evidence: Evidence, crs: pyproj.CRS) -> tuple[Clue, Affine]:
    tried = []
    for clue in evidence.transform_clues(crs):
        if clue.transform is not None:
            return clue, clue.transform
        tried.append(_said(clue))
    raise UnreadableInputError(
        f"{evidence.path} has no position: neither a geotransform nor a world file (tried: "
        f"{', '.join(tried)}); georeference it, or search for it with 'aerialret query'"
    )


def _said(clue: Clue) -> str:
    return f"{clue.origin} ({clue.remark})" if clue.remark else clue.origin


def _listed(crs: pyproj.CRS, evidence: Evidence, transform: Affine) -> pyproj.CRS:
    """The listed system of the name in place of an unlisted one that is the same."""
    named = evidence.name_crs().crs
    if named is None or crs.to_authority():
        return crs
    at, pixel = _middle(evidence, transform), _pixel(transform)
    return named if same_place(crs, named, at=at, tolerance=pixel) else crs


def _doubts(position: Position, evidence: Evidence, by_place: Clue) -> Iterator[str]:
    if not by_place.is_sure:
        yield "its ground pixel was guessed from its name and its size"
    name = evidence.name
    named = evidence.name_crs().crs
    if name is None or named is None:
        return
    at, pixel = _middle(evidence, position.transform), _pixel(position.transform)
    if not same_place(position.crs, named, at=at, tolerance=pixel):
        yield (
            f"its name says {crs_name(named)}, but {position.crs_origin} says "
            f"{crs_name(position.crs)}, which was taken"
        )
    elif position.position_origin != NAME and not _fits_name(position.transform, evidence):
        yield f"it does not lie where its name says; {position.position_origin} was believed"


def _fits_name(transform: Affine, evidence: Evidence) -> bool:
    """Whether the corner is that of the name; a part of a tile may lie anywhere in it.

    Whole tiles are square; what is not was cut, as at the border of a territory.
    """
    name, pixel = evidence.name, _pixel(transform)
    if name is None:
        return True
    right, down = transform.c - name.left_m, name.top_m - transform.f
    is_part = bool(name.rest) or evidence.dataset.width != evidence.dataset.height
    slack = TILE_SIDES_M[0] if is_part else 0.0
    return -pixel <= right <= slack + pixel and -pixel <= down <= slack + pixel


def _option_doubts(position: Position, given: str) -> Iterator[str]:
    if not given or position.crs_origin == OPTION:
        return
    wanted = parse_crs(given, option=OPTION)
    at = (position.transform.c, position.transform.f)
    if not same_place(position.crs, wanted, at=at, tolerance=_pixel(position.transform)):
        yield (
            f"{OPTION} says {crs_name(wanted)}, but {position.crs_origin} says "
            f"{crs_name(position.crs)}, which was taken"
        )


def _middle(evidence: Evidence, transform: Affine) -> tuple[float, float]:
    col, row = evidence.dataset.width / 2, evidence.dataset.height / 2
    return (
        transform.a * col + transform.b * row + transform.c,
        transform.d * col + transform.e * row + transform.f,
    )


def _pixel(transform: Affine) -> float:
    """The longer side of a pixel, in units of the CRS."""
    return float(max(np.hypot(transform.a, transform.d), np.hypot(transform.b, transform.e)))
