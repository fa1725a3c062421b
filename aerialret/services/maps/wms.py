"""Imagery of a WMS: an area and a pixel size go in, GeoTIFFs of a fixed lattice come out."""

from collections.abc import Sequence
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError
from aerialret.services.entries import ServiceEntry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.answers import CachedAnswer, FailedRequest, Request
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.image_answers import image_accepted, read_image
from aerialret.services.maps.image_parts import Lattice, ground_text, number_text
from aerialret.services.maps.image_report import ImageTally
from aerialret.services.maps.image_store import ImageStore
from aerialret.services.maps.projections import is_northing_first, metres_per_unit, moved, named_crs
from aerialret.services.maps.wms_capabilities import WmsOffer, read_offer
from aerialret.tiles.grid import Bounds

CHUNK_PX = 2000
"""Side of an image that is asked for, where the service allows it: 1 km at 50 cm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """One image to ask for."""

    bounds: Bounds
    request: Request

    @property
    def key(self) -> str:
        return self.request.public_url


def fetch_wms(
    entry: ServiceEntry, *, client: ServiceClient, area: BaseGeometry, crs: str, gsd_m: float
) -> FetchedFiles:
    """The imagery of an area, chunk by chunk.

    Args:
        entry: The service and its layers.
        client: Asks it.
        area: What to take, in `crs`.
        crs: The CRS of `area`; the images come in it unless the entry names another.
        gsd_m: Side of a pixel in metres; 0: the entry's own.

    Raises:
        ServiceError: The service does not say what it offers.
        ConfigurationError: It does not offer what the entry asks for, or no pixel size is given.
        RequestLimitError: `services.max_requests` requests were made.
    """
    offer = read_offer(entry, client=client)
    wanted = entry.option("crs") or crs
    offer.check_crs(wanted, asked=entry.text)
    chunks = _chunks(entry, offer, area=area, area_crs=crs, crs=wanted, gsd_m=gsd_m)
    store = ImageStore(client.cache_folder)
    tally = ImageTally(entry.text)
    unknown = [chunk for chunk in chunks if not store.knows(chunk.key)]
    answers = client.get_all([chunk.request for chunk in unknown], stage=f"asking {entry.label}")
    failures: dict[str, str] = {}
    for chunk, answer in zip(unknown, answers, strict=True):
        if isinstance(answer, FailedRequest):
            failures[chunk.key] = answer.reason
        else:
            _keep(chunk, answer, store=store, crs=wanted)
            client.forget(chunk.request)
    for chunk in chunks:
        ground = f"{ground_text(chunk.bounds)} in {wanted}"
        if chunk.key in failures:
            tally.lose(ground=ground, failure=failures[chunk.key])
        else:
            tally.add(store, chunk.key, ground=ground)
    return tally.result()


def _keep(chunk: _Chunk, answer: CachedAnswer, *, store: ImageStore, crs: str) -> None:
    image = read_image(answer.path)
    if image.emptiness:
        store.note(chunk.key, empty=image.emptiness)
    else:
        store.write(chunk.key, image, bounds=chunk.bounds, crs=crs)


def _chunks(
    entry: ServiceEntry,
    offer: WmsOffer,
    *,
    area: BaseGeometry,
    area_crs: str,
    crs: str,
    gsd_m: float,
) -> list[_Chunk]:
    system = named_crs(crs, asked=entry.text)
    ground = moved(area, named_crs(area_crs, asked=entry.text), system)
    pixel = _pixel_m(entry, gsd_m) / metres_per_unit(system)
    side_px = _side_px(entry, offer)
    lattice = Lattice(cell_width=side_px * pixel, cell_height=side_px * pixel)
    flipped = offer.version == "1.3.0" and is_northing_first(system)
    fixed = _parameters(entry, offer, crs)
    return [
        _chunk(entry, fixed, lattice.bounds(*cell), side_px=side_px, flipped=flipped)
        for cell in lattice.cells(ground)
    ]


def _chunk(
    entry: ServiceEntry, fixed: dict[str, str], bounds: Bounds, *, side_px: int, flipped: bool
) -> _Chunk:
    """The request for one chunk; `flipped` where the CRS has northing or latitude first."""
    left, bottom, right, top = bounds
    corners = (bottom, left, top, right) if flipped else (left, bottom, right, top)
    size = {"WIDTH": str(side_px), "HEIGHT": str(side_px)}
    box = {"BBOX": ",".join(number_text(value) for value in corners)}
    return _Chunk(
        bounds=bounds,
        request=Request(
            url=entry.url,
            params={**fixed, **size, **box},
            accept=image_accepted(width_px=side_px, height_px=side_px, bounds=bounds),
        ),
    )


def _parameters(entry: ServiceEntry, offer: WmsOffer, crs: str) -> dict[str, str]:
    """All parameters of GetMap but the ground; the entry's own win, in whatever case."""
    ours = {
        "SERVICE": "WMS",
        "VERSION": offer.version,
        "REQUEST": "GetMap",
        "LAYERS": ",".join(offer.layers),
        "STYLES": entry.option("styles"),
        "CRS" if offer.version == "1.3.0" else "SRS": crs,
        "FORMAT": offer.image_format,
    }
    if offer.image_format.startswith("image/png"):
        ours["TRANSPARENT"] = "TRUE"  # what is outside the coverage can then be told from white
    own = {name.upper() for name in entry.params}
    return {name: value for name, value in ours.items() if name not in own} | dict(entry.params)


def _pixel_m(entry: ServiceEntry, gsd_m: float) -> float:
    pixel_m = gsd_m or entry.number("gsd")
    if pixel_m == 0:
        raise ConfigurationError(
            f"{entry.text} does not say how large a pixel is; give --gsd-m, or gsd=METRES in it"
        )
    return pixel_m


def _side_px(entry: ServiceEntry, offer: WmsOffer) -> int:
    limits: Sequence[int] = (offer.max_width_px, offer.max_height_px)
    wanted = int(entry.number("chunk_px")) or CHUNK_PX
    return min([wanted, *(limit for limit in limits if limit > 0)])
