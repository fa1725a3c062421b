"""Imagery of a WMTS: an area and a pixel size go in, GeoTIFFs of 8 by 8 tiles come out."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aerialret.services.entries import ServiceEntry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.answers import CachedAnswer, FailedRequest, Request
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.image_answers import ServedImage, image_accepted, read_image
from aerialret.services.maps.image_parts import Lattice, ground_text
from aerialret.services.maps.image_report import ImageTally
from aerialret.services.maps.image_store import ImageStore
from aerialret.services.maps.tile_matrix import ChosenMatrix, TileMatrix, choose_matrix
from aerialret.services.maps.wmts_capabilities import WmtsOffer, read_offer
from aerialret.tiles.grid import Bounds

BLOCK_TILES = 8
"""Tiles on a side of a file: 2048 pixels where tiles have 256."""

_NO_TILE = (204, 404)
"""With these a service says that it has no such tile."""

_NO_TILE_CODES = ("TileOutOfRange", "TileNotDefined")
"""So do these codes of exceptions, with whatever status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The tiles of one file.

    Attributes:
        bounds: Its ground.
        places: Column and row of each of its tiles, in the block.
        requests: The request for each of them.
    """

    bounds: Bounds
    places: tuple[tuple[int, int], ...]
    requests: tuple[Request, ...]

    @property
    def key(self) -> str:
        return "\n".join(request.public_url for request in self.requests)


def fetch_wmts(
    entry: ServiceEntry, *, client: ServiceClient, area: BaseGeometry, crs: str, gsd_m: float
) -> FetchedFiles:
    """The imagery of an area, block by block, in the CRS and the pixels of the tile matrix.

    Args:
        entry: The service and its layer.
        client: Asks it.
        area: What to take, in `crs`.
        crs: The CRS of `area`.
        gsd_m: Largest pixel on the ground, in metres; 0: the entry's own, else the finest.

    Raises:
        ServiceError: The service does not say what it offers.
        ConfigurationError: It does not offer what the entry asks for.
        RequestLimitError: `services.max_requests` requests were made.
    """
    offer = read_offer(entry, client=client)
    chosen = choose_matrix(entry, offer, area=area, crs=crs, gsd_m=gsd_m)
    matrix = chosen.matrix
    blocks = _blocks(entry, offer, chosen)
    store = ImageStore(client.cache_folder)
    tally = ImageTally(entry.text)
    unknown = [block for block in blocks if not store.knows(block.key)]
    requests = [request for block in unknown for request in block.requests]
    answers = client.get_all(requests, stage=f"asking {entry.label}")
    partial = {}
    for block in unknown:
        answered = list(islice(answers, len(block.requests)))
        partial[block.key] = _keep(block, answered, matrix=matrix, store=store)
        if not partial[block.key]:
            for request in block.requests:
                client.forget(request)
    for block in blocks:
        _tell(tally, store, block, partial.get(block.key, ()), matrix)
    return tally.result(notes=_resolution_note(entry, chosen))


def _blocks(entry: ServiceEntry, offer: WmtsOffer, chosen: ChosenMatrix) -> list[_Block]:
    matrix = chosen.matrix
    lattice = matrix.lattice(BLOCK_TILES)
    blocks = (_block(entry, offer, matrix, lattice, cell) for cell in lattice.cells(chosen.area))
    return [block for block in blocks if block.requests]


def _block(
    entry: ServiceEntry,
    offer: WmtsOffer,
    matrix: TileMatrix,
    lattice: Lattice,
    cell: tuple[int, int],
) -> _Block:
    """The block at `cell` with all its tiles that exist, whether the area reaches them or not."""
    places = tuple(
        (col, row)
        for row in range(BLOCK_TILES)
        for col in range(BLOCK_TILES)
        if cell[0] * BLOCK_TILES + col in matrix.cols and cell[1] * BLOCK_TILES + row in matrix.rows
    )
    requests = tuple(
        _request(entry, offer, matrix, cell[0] * BLOCK_TILES + col, cell[1] * BLOCK_TILES + row)
        for col, row in places
    )
    return _Block(bounds=lattice.bounds(*cell), places=places, requests=requests)


def _request(
    entry: ServiceEntry, offer: WmtsOffer, matrix: TileMatrix, col: int, row: int
) -> Request:
    accept = image_accepted(width_px=matrix.tile_width_px, height_px=matrix.tile_height_px)
    if offer.template:
        address = offer.address(matrix_set=matrix.matrix_set, matrix=matrix.name, col=col, row=row)
        return Request(url=address, params=entry.params, accept=accept)
    ours = {
        "SERVICE": "WMTS",
        "VERSION": "1.0.0",
        "REQUEST": "GetTile",
        "LAYER": offer.layer,
        "STYLE": offer.style,
        "FORMAT": offer.image_format,
        "TILEMATRIXSET": matrix.matrix_set,
        "TILEMATRIX": matrix.name,
        "TILEROW": str(row),
        "TILECOL": str(col),
    }
    return Request(url=entry.url, params={**entry.params, **ours}, accept=accept)


def _keep(
    block: _Block,
    answers: Iterable[CachedAnswer | FailedRequest],
    *,
    matrix: TileMatrix,
    store: ImageStore,
) -> tuple[str, ...]:
    """Writes a block; returns why tiles are missing, one line each: it is then written apart."""
    tiles: list[tuple[tuple[int, int], ServedImage]] = []
    lost: list[str] = []
    absent = 0
    for place, answer in zip(block.places, answers, strict=True):
        if isinstance(answer, CachedAnswer):
            tiles.append((place, read_image(answer.path)))
        elif answer.status in _NO_TILE or answer.code in _NO_TILE_CODES:
            absent += 1
        else:
            col, row = place
            lost.append(f"{ground_text(_tile_bounds(block, matrix, col, row))}: {answer.reason}")
    image = _assembled(tiles, matrix)
    key = _partial_key(block, lost)
    if image is None or image.emptiness:
        store.note(key, empty=image.emptiness if image else "without tiles")
    else:
        store.note(key, absent_tiles=absent)
        store.write(key, image, bounds=block.bounds, crs=matrix.crs)
    return tuple(lost)


def _assembled(
    tiles: list[tuple[tuple[int, int], ServedImage]], matrix: TileMatrix
) -> ServedImage | None:
    """All tiles of a block in one image, transparent where there is none."""
    if not tiles:
        return None
    width, height = matrix.tile_width_px, matrix.tile_height_px
    bands = max(image.pixels.shape[0] for _, image in tiles)
    dtype = np.result_type(*(image.pixels.dtype for _, image in tiles))
    pixels: NDArray[Any] = np.zeros((bands, BLOCK_TILES * height, BLOCK_TILES * width), dtype)
    alpha = np.zeros(pixels.shape[1:], np.uint8)
    for (col, row), image in tiles:
        window = np.s_[row * height : (row + 1) * height, col * width : (col + 1) * width]
        pixels[(slice(None), *window)] = image.pixels  # one band of grey goes to all of them
        alpha[window] = 255 if image.alpha is None else image.alpha
    return ServedImage(pixels=pixels, alpha=None if alpha.all() else alpha)


def _tell(
    tally: ImageTally, store: ImageStore, block: _Block, lost: tuple[str, ...], matrix: TileMatrix
) -> None:
    ground = f"{ground_text(block.bounds)} in {matrix.crs}"
    tally.add(store, _partial_key(block, lost), ground=ground)
    for line in lost:
        place, _, reason = line.partition(": ")
        tally.lose(ground=f"{place} in {matrix.crs}", failure=reason)


def _partial_key(block: _Block, lost: Iterable[str]) -> str:
    """The key of a block that lacks tiles: another one for each set of them."""
    places = [line.partition(": ")[0] for line in lost]
    if not places:
        return block.key
    return f"{block.key}\nwithout {hashlib.sha256(' '.join(places).encode()).hexdigest()}"


def _tile_bounds(block: _Block, matrix: TileMatrix, col: int, row: int) -> Bounds:
    corner = replace(matrix, left=block.bounds.left, top=block.bounds.top)
    return corner.lattice(1).bounds(col, row)


def _resolution_note(entry: ServiceEntry, chosen: ChosenMatrix) -> tuple[str, ...]:
    if not chosen.is_too_coarse:
        return ()
    return (f"{entry.text}: its finest pixels are {chosen.pixel_m:.3g} m on this ground",)
