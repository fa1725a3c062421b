"""All features of one type in one cell: a query goes in, they come out, or what they lack."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from aerialret.services.features.wfs_page import Feature, Page, PageError, read_head, read_page
from aerialret.services.features.wfs_query import WfsQuery, starts
from aerialret.services.http.answers import CachedAnswer, FailedRequest
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.lattice_cells import Cell


@dataclass(slots=True, kw_only=True)
class CellFeatures:
    """What came of a cell.

    Attributes:
        features: By what names them.
        matched: How many the service says there are; None where it does not say.
        crs: Their coordinate system; empty where none came.
        lack: Why they are not all; empty where they are.
        is_torn: Whether asking anew may help: pages did not fit together.
        is_paged: Whether they came in several pages.
    """

    features: dict[str, Feature] = field(default_factory=dict)
    matched: int | None
    crs: str = ""
    lack: str = ""
    is_torn: bool = False
    is_paged: bool = False


def count_features(
    query: WfsQuery, cells: list[Cell], *, client: ServiceClient, refresh: bool = False
) -> Iterator[int | FailedRequest | None]:
    """How many features each cell holds; None where the service does not say."""
    requests = [query.hits(cell, refresh=refresh) for cell in cells]
    for answer in client.get_all(requests, stage=f"counting {query.type_name}"):
        if isinstance(answer, FailedRequest):
            yield answer
        else:
            yield read_head(answer.path).matched


def fetch_cell(
    query: WfsQuery, cell: Cell, *, matched: int | None, client: ServiceClient
) -> CellFeatures:
    """The features of a cell; asked a second time where its pages do not fit together."""
    found = _fetch_once(query, cell, matched=matched, client=client, refresh=False)
    if not found.is_torn:
        return found
    (counted,) = count_features(query, [cell], client=client, refresh=True)
    if isinstance(counted, FailedRequest):
        return found
    return _fetch_once(query, cell, matched=counted, client=client, refresh=True)


def _fetch_once(
    query: WfsQuery, cell: Cell, *, matched: int | None, client: ServiceClient, refresh: bool
) -> CellFeatures:
    found, stated = CellFeatures(matched=matched), set[int]()
    pages = _pages(query, cell, matched=matched, client=client, refresh=refresh)
    for number, answer in enumerate(pages):
        if isinstance(answer, FailedRequest):
            found.lack = answer.reason
            # It answered, but not what the count announces.
            found.is_torn |= answer.status == 200
            continue
        try:
            page = read_page(answer.path, schema=query.schema, crs=query.crs)
        except PageError as error:
            found.lack, found.is_torn = str(error), True
            continue
        found.is_paged |= number > 0 and bool(page.features)
        before = len(found.features)
        _add(found, page, twins=not query.can_page)
        if page.features and len(found.features) == before:
            # MapServer starts over behind the last page where it reprojects.
            found.is_torn = before != matched
            found.lack = "pages repeat what others hold" if found.is_torn else ""
            break
        stated |= {page.matched} if page.features and page.matched is not None else set()
    _judge(found, stated)
    return found


def _judge(found: CellFeatures, stated: set[int]) -> None:
    """Holds what came against what the service says that there is."""
    if len(stated) == 1:
        (found.matched,) = stated
    if found.lack:
        return
    if len(stated) > 1:
        numbers = " and ".join(str(number) for number in sorted(stated))
        found.lack = f"while they came, the service counted {numbers} of them"
        found.is_torn = True
    elif len(found.features) < (found.matched or 0):
        found.lack = "the service says that there are more, but does not give them"
        found.is_torn = True


def _add(found: CellFeatures, page: Page, *, twins: bool) -> None:
    if page.features and found.crs not in ("", page.crs):
        found.lack = f"pages came in {found.crs} and {page.crs}"
    found.crs = page.crs if page.features else found.crs
    for feature in page.features:
        key = feature.key or _unnamed(feature, found.features if twins else {})
        found.features.setdefault(key, feature)


def _unnamed(feature: Feature, known: dict[str, Feature]) -> str:
    """A key for a feature that has none: its content, and a number where that comes again.

    Where pages may overlap, `known` is empty: what comes again is then the same feature.
    """
    content = f"{feature.properties} {feature.geometry.hex() if feature.geometry else ''}"
    number = 0
    while f"{content} {number}" in known:
        number += 1
    return f"{content} {number}"


def _pages(
    query: WfsQuery, cell: Cell, *, matched: int | None, client: ServiceClient, refresh: bool
) -> Iterator[CachedAnswer | FailedRequest]:
    """As many pages as the count needs, then more until an empty one.

    MapServer counts no further than to its limit (wfs_maxfeatures), so that the count alone would
    be a silent gap.
    """
    if matched == 0:
        return
    expected = None if matched is None else min(query.page_size, matched)
    first = query.page(cell, start=0, expected=expected, refresh=refresh)
    (answer,) = client.get_all([first])
    yield answer
    # A limit that the service kept to itself shows in the first page.
    step = _held(answer)
    if not (step and query.pages):
        return
    matched = matched or 0
    requests = [
        query.page(cell, start=start, expected=min(step, matched - start), refresh=refresh)
        for start in starts(first=step, step=step, matched=matched)
    ]
    yield from client.get_all(requests, stage=f"fetching {query.type_name}")
    yield from _pages_to_the_end(
        query, cell, start=max(step, matched), client=client, refresh=refresh
    )


def _pages_to_the_end(
    query: WfsQuery, cell: Cell, *, start: int, client: ServiceClient, refresh: bool
) -> Iterator[CachedAnswer | FailedRequest]:
    held = 1
    while held:
        request = query.page(cell, start=start, expected=None, refresh=refresh)
        (answer,) = client.get_all([request])
        if isinstance(answer, FailedRequest) and 400 <= answer.status < 500:
            return  # some services call a page behind the last one a mistake
        yield answer
        held = _held(answer)
        start += held


def _held(answer: CachedAnswer | FailedRequest) -> int:
    return 0 if isinstance(answer, FailedRequest) else read_head(answer.path).held
