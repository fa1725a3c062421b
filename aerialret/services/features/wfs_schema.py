"""Fields of a WFS type: its description in XML Schema goes in, names and kinds come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.service_messages import exception_in

Kind = Literal["integer", "number", "boolean", "text"]

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_INTEGERS = ("int", "integer", "long", "short", "byte", "nonNegativeInteger", "positiveInteger")
_NUMBERS = ("double", "float", "decimal")

IDENTITIES = ("cleabs",)
"""Attributes that name one feature, whatever the query: those of BD TOPO."""

_SORTABLE = (*IDENTITIES, "gid", "ogc_fid", "objectid", "fid", "id", "uuid", "identifiant")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSchema:
    """The fields of a feature type.

    Attributes:
        fields: The kind of each field, in the service's order, without geometries.
        identity: The field that names a feature; empty where only gml:id does.
        sort_by: The field that puts features in one order; empty where none does.
    """

    fields: Mapping[str, Kind] = field(default_factory=dict)
    identity: str = ""
    sort_by: str = ""


def schema_refusal(answer: CachedAnswer) -> str:
    """Why an answer is no description of a type, or ""."""
    told = exception_in(answer.path)
    if told:
        return f"the answer is an exception: {told}"
    try:
        root = ElementTree.parse(answer.path).getroot()
    except ElementTree.ParseError as error:
        return f"the answer is no XML ({error})"
    return "" if root.tag == f"{_XSD}schema" else "the answer is no XML Schema"


def read_schema(path: Path, *, identity: str = "", sort_by: str = "") -> FeatureSchema:
    """The fields that the XML Schema at `path` describes.

    Args:
        path: The answer to DescribeFeatureType.
        identity: The field that names a feature, where the user says so.
        sort_by: The field to sort by, where the user says so.
    """
    fields: dict[str, Kind] = {}
    for element in ElementTree.parse(path).iter(f"{_XSD}element"):
        kind = _kind(element)
        if kind and element.get("name"):
            fields.setdefault(str(element.get("name")), kind)
    names = {name.casefold(): name for name in fields}
    own = identity or next((names[known] for known in IDENTITIES if known in names), "")
    order = sort_by or own or next((names[known] for known in _SORTABLE if known in names), "")
    return FeatureSchema(fields=fields, identity=own, sort_by=order)


def typed(text: str, kind: Kind) -> object:
    """The value that a field of GML spells; the text itself where it does not fit the kind."""
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        return text
    if kind == "boolean" and text.strip().lower() in ("true", "false", "1", "0"):
        return text.strip().lower() in ("true", "1")
    return text


def _kind(element: ElementTree.Element) -> Kind | None:
    prefix, _, name = str(element.get("type") or _restricted(element)).rpartition(":")
    if prefix == "gml" or name.endswith("PropertyType"):
        return None
    if name in _INTEGERS:
        return "integer"
    if name in _NUMBERS:
        return "number"
    if name == "boolean":
        return "boolean"
    simple = name in ("string", "date", "dateTime", "time", "anyURI", "token", "normalizedString")
    return "text" if simple else None


def _restricted(element: ElementTree.Element) -> str:
    """The type that a field narrows, as a string of at most 20 letters does."""
    found = element.find(f"{_XSD}simpleType/{_XSD}restriction")
    return "" if found is None else str(found.get("base", ""))
