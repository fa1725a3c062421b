"""One page of a WFS: a file of GeoJSON or GML goes in; features come out, or why there are none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from aerialret.services.features.wfs_schema import FeatureSchema, typed
from aerialret.services.http.service_messages import exception_in


class Feature(NamedTuple):
    """One feature.

    Attributes:
        key: What names it; empty where nothing does.
        properties: Its fields, as JSON with sorted keys.
        geometry: Its geometry in two dimensions, as WKB; None where it has none.
    """

    key: str
    properties: str
    geometry: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The features of one answer.

    Attributes:
        features: In the service's order.
        matched: How many the service says fit the whole question; None where it does not say.
        crs: Their coordinate system.
    """

    features: Sequence[Feature]
    matched: int | None
    crs: str


class PageError(ValueError):
    """An answer that is no page; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHead:
    """What a page says of itself: features in it, announced in it, and fitting the question."""

    held: int
    announced: int | None
    matched: int | None


def read_head(path: Path) -> PageHead:
    """How many features the answer at `path` holds and announces.

    Raises:
        PageError: It is cut short, an exception, or something else.
    """
    root = _root(path)
    if isinstance(root, ElementTree.Element):
        numbers = root.get("numberReturned"), root.get("numberMatched")
        return PageHead(
            held=sum(1 for _ in _members(root)),
            announced=_count(numbers[0]),
            matched=_count(numbers[1]),
        )
    matched = root.get("numberMatched", root.get("totalFeatures"))
    return PageHead(
        held=len(root["features"]),
        announced=_count(root.get("numberReturned")),
        matched=_count(matched),
    )


def read_page(path: Path, *, schema: FeatureSchema, crs: str) -> Page:
    """The features of the answer at `path`.

    Args:
        path: GeoJSON or GML.
        schema: The fields of the feature type.
        crs: The coordinate system that was asked for.

    Raises:
        PageError: It is cut short, an exception, or something else.
    """
    root = _root(path)
    if isinstance(root, ElementTree.Element):
        return _read_gml(path, root, schema=schema, crs=crs)
    return _read_geojson(root, schema=schema, crs=crs)


def _root(path: Path) -> Any:
    told = exception_in(path)
    if told:
        raise PageError(f"the answer is an exception: {told}")
    content = path.read_bytes()
    try:
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            root = ElementTree.fromstring(content)
            if root.tag.rpartition("}")[2] != "FeatureCollection":
                raise PageError("the answer is XML, but no feature collection")
            return root
        document = json.loads(content)
    except (ElementTree.ParseError, ValueError) as error:
        if isinstance(error, PageError):
            raise
        raise PageError(f"the answer is cut short or damaged ({error})") from None
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise PageError("the answer is JSON, but no feature collection")
    return document


def _read_geojson(document: Mapping[str, Any], *, schema: FeatureSchema, crs: str) -> Page:
    found = document["features"]
    texts = [json.dumps(item["geometry"]) if item.get("geometry") else None for item in found]
    try:
        shapes = shapely.from_geojson(np.array(texts, object)) if texts else np.empty(0, object)
    except shapely.errors.GEOSException as error:
        raise PageError(f"the answer holds a geometry that is none ({error})") from None
    features = [
        _feature(item.get("properties") or {}, shape, own=item.get("id"), schema=schema)
        for item, shape in zip(found, shapes, strict=True)
    ]
    matched = _count(document.get("numberMatched", document.get("totalFeatures")))
    named = ((document.get("crs") or {}).get("properties") or {}).get("name", "")
    return Page(features=features, matched=matched, crs=_geojson_crs(named, shapes, asked=crs))


def _read_gml(path: Path, root: ElementTree.Element, *, schema: FeatureSchema, crs: str) -> Page:
    members = list(_members(root))
    matched = _count(root.get("numberMatched"))
    if not members:
        return Page(features=(), matched=matched, crs=crs)
    # Only the geometries are GDAL's: it guesses the kinds of fields page by page.
    frame = pyogrio.read_dataframe(path, columns=[], WRITE_GFS="NO", fid_as_index=False)
    if len(frame) != len(members):
        raise PageError(f"the answer has {len(members)} members, but GDAL reads {len(frame)}")
    features = [
        _feature(_gml_properties(member, schema), shape, own=_gml_id(member), schema=schema)
        for member, shape in zip(members, frame.geometry.to_numpy(), strict=True)
    ]
    found = frame.crs.to_authority() if frame.crs is not None else None
    return Page(features=features, matched=matched, crs=":".join(found) if found else crs)


def _feature(
    properties: Mapping[str, Any], shape: Any, *, own: object, schema: FeatureSchema
) -> Feature:
    key = properties.get(schema.identity) if schema.identity else None
    named = key if key not in (None, "") else own
    flat = None if shape is None else shapely.to_wkb(shapely.force_2d(shape))
    text = json.dumps(properties, sort_keys=True, ensure_ascii=False)
    return Feature("" if named is None else str(named), text, flat)


def _members(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for holder in root:
        if holder.tag.rpartition("}")[2] in ("member", "featureMember", "featureMembers"):
            yield from holder


def _gml_properties(member: ElementTree.Element, schema: FeatureSchema) -> dict[str, object]:
    named = ((field.tag.rpartition("}")[2], field) for field in member if len(field) == 0)
    return {
        name: typed(field.text, schema.fields.get(name, "text"))
        for name, field in named
        if field.text is not None
    }


def _gml_id(member: ElementTree.Element) -> str | None:
    found = (value for name, value in member.items() if name.rpartition("}")[2] in ("id", "fid"))
    return next(found, None)


def _geojson_crs(named: str, shapes: NDArray[np.object_], *, asked: str) -> str:
    """The CRS of GeoJSON: the one it names; else degrees are WGS 84, all else what was asked."""
    if not len(shapes):
        return asked
    if named:
        authority = pyproj.CRS.from_user_input(named).to_authority()
        return ":".join(authority) if authority else named
    bounds = shapely.total_bounds(shapes)
    degrees = bool(np.all(np.abs(bounds) <= (180, 90, 180, 90)))
    return "EPSG:4326" if degrees else asked


def _count(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdigit() else None
