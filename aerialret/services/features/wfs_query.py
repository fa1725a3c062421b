"""Questions to a WFS about one type: a cell goes in, the requests for it come out."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from aerialret.services.features.wfs_capabilities import VERSION
from aerialret.services.features.wfs_page import PageError, read_head
from aerialret.services.features.wfs_schema import FeatureSchema
from aerialret.services.http.answers import CachedAnswer, Request
from aerialret.services.maps.lattice_cells import Cell
from aerialret.services.maps.projections import is_northing_first, named_crs


@dataclass(frozen=True, kw_only=True)
class WfsQuery:
    """What all questions about one feature type share.

    Attributes:
        url: The service's address.
        params: Parameters that are passed on.
        type_name: The feature type.
        epsg: The coordinate system of questions and answers.
        json_format: What the service calls GeoJSON; empty: GML.
        schema: The fields of the type.
        page_size: The most features that are asked for at once.
        pages: Whether the service gives the rest of an answer on request.
        sorts: Whether the service sorts.
    """

    url: str
    params: Mapping[str, str]
    type_name: str
    epsg: int
    json_format: str
    schema: FeatureSchema
    page_size: int
    pages: bool
    sorts: bool

    @property
    def crs(self) -> str:
        """The coordinate system as `EPSG:2154`."""
        return f"EPSG:{self.epsg}"

    @property
    def can_page(self) -> bool:
        """Whether pages fit together: only in one order do they neither overlap nor leave gaps."""
        return self.pages and self.sorts and bool(self.schema.sort_by)

    def hits(self, cell: Cell, *, refresh: bool) -> Request:
        """The question how many features there are."""
        return Request(
            url=self.url,
            params={**self._about(cell), "resultType": "hits"},
            accept=_hits_refusal,
            refresh=refresh,
            suffix=".xml",
        )

    def page(self, cell: Cell, *, start: int, expected: int | None, refresh: bool) -> Request:
        """The question for the features from number `start` on."""
        params = {**self._about(cell), "count": str(self.page_size)}
        if self.pages:
            params["startIndex"] = str(start)
        if self.sorts and self.schema.sort_by:
            params["sortBy"] = self.schema.sort_by
        if self.json_format:
            params["outputFormat"] = self.json_format
        return Request(
            url=self.url,
            params=params,
            accept=PageJudge(expected=expected),
            refresh=refresh,
            suffix=".geojson" if self.json_format else ".gml",
        )

    def _about(self, cell: Cell) -> dict[str, str]:
        left, bottom, right, top = cell.bounds
        corners = (bottom, left, top, right) if self._north_first else (left, bottom, right, top)
        # With the URN the axes are those of the EPSG; `lat,lon,...,EPSG:4326` finds nothing and
        # says nothing, as measured on the Géoplateforme.
        urn = f"urn:ogc:def:crs:EPSG::{self.epsg}"
        return {
            **self.params,
            "service": "WFS",
            "version": VERSION,
            "request": "GetFeature",
            "typeNames": self.type_name,
            "srsName": urn,
            "bbox": ",".join([*(f"{corner!r}" for corner in corners), urn]),
        }

    @property
    def _north_first(self) -> bool:
        return is_northing_first(named_crs(self.crs, asked=self.url))


class PageJudge:
    """Says why an answer is no whole page, for one request.

    Args:
        expected: How many features it should hold; None where nobody knows.
    """

    def __init__(self, *, expected: int | None) -> None:
        self._expected = expected
        self._held: list[int] = []

    def __call__(self, answer: CachedAnswer) -> str:
        """Why `answer` is no whole page, or ""."""
        try:
            head = read_head(answer.path)
        except PageError as error:
            return str(error)
        if head.announced is not None and head.held != head.announced:
            return f"it holds {head.held} of the {head.announced} features that it announces"
        if self._expected is None or head.held >= self._expected:
            return ""
        # The same short page twice is a limit of the service's own; the next question starts
        # where it ends.
        limited = head.held and head.held in self._held
        self._held.append(head.held)
        return "" if limited else f"it holds {head.held} of {self._expected} features"


def starts(*, first: int, step: int, matched: int) -> list[int]:
    """Where the pages after the first begin."""
    return list(itertools.takewhile(lambda start: start < matched, itertools.count(first, step)))


def _hits_refusal(answer: CachedAnswer) -> str:
    try:
        read_head(answer.path)
    except PageError as error:
        return str(error)
    return ""
