"""Rasters of STAC items: links go in, whole and checked files with plain names come out."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pystac

from aerialret.atomic import write_text
from aerialret.services.http.answers import CachedAnswer, FailedRequest, Request
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.raster_answers import raster_accepted
from aerialret.services.stac.stac_io import json_refusal
from aerialret.services.stac.stac_select import file_name

_BATCH = 16
"""Signed links live for minutes: no more are asked for at a time than are soon fetched."""

_LOCKED = (401, 403, 409)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLink:
    """A raster to fetch.

    Attributes:
        href: Where it is, unsigned.
        path: Where it shall be.
        label: How reports call it.
        size: How many bytes it has; 0 where that is not known.
        checksum: Its multihash; empty where that is not known.
    """

    href: str
    path: Path
    label: str
    size: int
    checksum: str


def link_to(item: pystac.Item, key: str, asset: pystac.Asset, *, folder: Path) -> AssetLink:
    """The raster `asset` of `item`, to be kept below `folder`."""
    href = asset.get_absolute_href() or asset.href
    home = folder / "stac" / _plain(item.collection_id or "items") / _plain(item.id)
    size = asset.extra_fields.get("file:size")
    return AssetLink(
        href=href,
        path=home / _plain(file_name(href) or key),
        label=f"{item.id}, asset {key}",
        size=size if isinstance(size, int) else 0,
        checksum=str(asset.extra_fields.get("file:checksum") or "").lower(),
    )


def bytes_to_fetch(links: Sequence[AssetLink], *, client: ServiceClient, sign: str) -> int:
    """How many bytes those of `links` have that are not there yet, as far as anybody says."""
    absent = [link for link in links if not _is_there(link)]
    return sum(link.size or (0 if sign else client.size_of(link.href)) for link in absent)


def size_text(size_bytes: float) -> str:
    """A number of bytes for people, as 3.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"


def fetch_assets(
    links: Sequence[AssetLink], *, client: ServiceClient, sign: str, stage: str
) -> Iterator[str]:
    """Fetches each of `links` that is not there yet; yields "" or why it did not come, in order.

    Args:
        links: What to fetch.
        client: Asks.
        sign: The address that signs links, as that of the Planetary Computer; empty: unsigned.
        stage: What progress calls it.
    """
    for start in range(0, len(links), _BATCH):
        batch = links[start : start + _BATCH]
        absent = [link for link in batch if not _is_there(link)]
        reasons = dict(
            zip(absent, _fetch(absent, client=client, sign=sign, stage=stage), strict=True)
        )
        yield from (reasons.get(link, "") for link in batch)


def _fetch(
    links: Sequence[AssetLink], *, client: ServiceClient, sign: str, stage: str
) -> Iterator[str]:
    signed = _signed(links, client=client, sign=sign) if sign else [link.href for link in links]
    requests = {
        link: Request(
            url=href,
            accept=raster_accepted(size=link.size, checksum=link.checksum),
            suffix=link.path.suffix,
        )
        for link, href in zip(links, signed, strict=True)
        if not isinstance(href, FailedRequest)
    }
    answers = client.get_all(list(requests.values()), stage=stage)
    for link, href in zip(links, signed, strict=True):
        if isinstance(href, FailedRequest):
            yield f"{link.label}: its link was not signed: {href.reason}"
            continue
        answer = next(answers)
        if isinstance(answer, FailedRequest):
            yield f"{link.label}: {answer.reason}{_hint(answer, sign)}"
            continue
        _keep(link, answer)
        client.forget(requests[link])
        yield ""


def _signed(
    links: Sequence[AssetLink], *, client: ServiceClient, sign: str
) -> list[str | FailedRequest]:
    requests = [
        Request(url=sign, params={"href": link.href}, accept=_signature_refusal, refresh=True)
        for link in links
    ]
    signed: list[str | FailedRequest] = []
    for request, answer in zip(requests, client.get_all(requests), strict=True):
        if isinstance(answer, FailedRequest):
            signed.append(answer)
            continue
        signed.append(str(json.loads(answer.path.read_bytes())["href"]))
        client.forget(request)
    return signed


def _signature_refusal(answer: CachedAnswer) -> str:
    refused = json_refusal(answer)
    if refused:
        return refused
    return "" if "href" in json.loads(answer.path.read_bytes()) else "the answer has no href"


def _is_there(link: AssetLink) -> bool:
    try:
        facts = json.loads(_facts(link).read_text())
        return bool(facts == {"href": link.href, "size": link.path.stat().st_size})
    except (OSError, ValueError):
        return False


def _keep(link: AssetLink, answer: CachedAnswer) -> None:
    link.path.parent.mkdir(parents=True, exist_ok=True)
    answer.path.replace(link.path)
    facts = {"href": link.href, "size": link.path.stat().st_size}
    write_text(_facts(link), json.dumps(facts, indent=1) + "\n")


def _facts(link: AssetLink) -> Path:
    return link.path.with_name(f".{link.path.name}.json")


def _hint(failed: FailedRequest, sign: str) -> str:
    locked = failed.status in _LOCKED and not sign
    return "; if the service signs links, add sign=ADDRESS to the entry" if locked else ""


def _plain(name: str) -> str:
    """A name that any file system takes, and that leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name).lstrip(".") or "_"
