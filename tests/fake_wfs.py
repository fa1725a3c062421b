"""A WFS 2.0.0 with the faults of real ones: features go in, GeoJSON and counts come out."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import shapely

from tests.loopback import Reply

CLEABS = "cleabs"
_XML = "application/xml"


@dataclass(kw_only=True)
class FakeWfs:
    """Buildings that are squares around points, and the bad habits of services.

    Attributes:
        points: Where they stand, by `cleabs`, in EPSG:2154.
        limit: Most features in an answer, whatever is asked; 0: none.
        declares_limit: Whether the capabilities tell the limit.
        sorts: Whether it can sort; else each page begins somewhere in an order of its own.
        counts: What numberMatched says, from the true number and the request's number.
        states_numbers: Whether pages repeat the numbers of their question.
        has_ids: Whether features have an identity of their own.
    """

    points: Mapping[str, tuple[float, float]]
    limit: int = 0
    declares_limit: bool = True
    sorts: bool = True
    counts: Callable[[int, int], int | str] = lambda matched, asked: matched
    states_numbers: bool = True
    has_ids: bool = True
    hits: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, path: str) -> Reply:
        asked = {key.lower(): value for key, value in parse_qsl(urlsplit(path).query)}
        with self.lock:
            self.asked.append(asked)
        if asked["request"] == "GetCapabilities":
            return Reply(body=self._capabilities().encode(), content_type=_XML)
        if asked["request"] == "DescribeFeatureType":
            return Reply(body=self._schema().encode(), content_type=_XML)
        found = self._matching(asked["bbox"])
        if asked.get("resulttype") == "hits":
            with self.lock:
                self.hits += 1
                number = self.counts(len(found), self.hits)
            body = f'<wfs:FeatureCollection {_WFS} numberMatched="{number}" numberReturned="0"/>'
            return Reply(body=body.encode(), content_type=_XML)
        return self._page(found, asked)

    def square(self, name: str) -> Any:
        """The building called `name`."""
        x, y = self.points[name]
        return shapely.box(x, y, x + 8, y + 5)

    def _matching(self, bbox: str) -> list[str]:
        *corners, crs = bbox.split(",")
        if crs != "urn:ogc:def:crs:EPSG::2154":
            return []
        window = shapely.box(*map(float, corners))
        return [name for name in sorted(self.points) if self.square(name).intersects(window)]

    def _page(self, found: Sequence[str], asked: Mapping[str, str]) -> Reply:
        start, count = int(asked["startindex"]), int(asked["count"])
        if not self.sorts and asked.get("sortby"):
            return Reply(status=400, body=b"cannot sort")
        ordered = list(found)
        if not self.sorts and found:
            turn = (start * 7) % len(ordered)
            ordered = ordered[turn:] + ordered[:turn]
        names = ordered[start : start + min(count, self.limit or count)]
        document: dict[str, Any] = {
            "type": "FeatureCollection",
            "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}},
            "features": [self._feature(name) for name in names],
        }
        if self.states_numbers:
            matched = self.counts(len(found), self.hits)
            document |= {"numberMatched": matched, "numberReturned": len(names)}
        return Reply(body=json.dumps(document).encode(), content_type="application/json")

    def _feature(self, name: str) -> dict[str, Any]:
        feature = {
            "type": "Feature",
            "properties": {CLEABS: name, "nature": "Château", "etages": len(name)},
            "geometry": shapely.geometry.mapping(self.square(name)),
        }
        if not self.has_ids:
            del feature["properties"][CLEABS]
            return feature
        return feature | {"id": f"batiment.{name}"}

    def _capabilities(self) -> str:
        declared = f"""<ows:Constraint name="CountDefault"><ows:NoValues/>
<ows:DefaultValue>{self.limit}</ows:DefaultValue></ows:Constraint>"""
        return f"""<wfs:WFS_Capabilities {_WFS} version="2.0.0">
<ows:ServiceIdentification><ows:Title>fake</ows:Title><ows:ServiceType>WFS</ows:ServiceType>
<ows:ServiceTypeVersion>2.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification>
<ows:OperationsMetadata><ows:Operation name="GetFeature"><ows:DCP><ows:HTTP>
<ows:Get xlink:href="http://127.0.0.1/"/></ows:HTTP></ows:DCP><ows:Parameter name="outputFormat">
<ows:AllowedValues><ows:Value>application/gml+xml; version=3.2</ows:Value>
<ows:Value>application/json</ows:Value></ows:AllowedValues></ows:Parameter></ows:Operation>
{declared if self.declares_limit and self.limit else ""}</ows:OperationsMetadata>
<wfs:FeatureTypeList><wfs:FeatureType><wfs:Name>BDTOPO_V3:batiment</wfs:Name>
<wfs:Title>b</wfs:Title><wfs:DefaultCRS>urn:ogc:def:crs:EPSG::4326</wfs:DefaultCRS>
<wfs:OtherCRS>urn:ogc:def:crs:EPSG::2154</wfs:OtherCRS></wfs:FeatureType></wfs:FeatureTypeList>
<fes:Filter_Capabilities><fes:Conformance><fes:Constraint name="ImplementsSorting"><ows:NoValues/>
<ows:DefaultValue>{str(self.sorts).upper()}</ows:DefaultValue></fes:Constraint></fes:Conformance>
</fes:Filter_Capabilities></wfs:WFS_Capabilities>"""

    def _schema(self) -> str:
        key = f'<xsd:element name="{CLEABS}" type="xsd:string"/>' if self.has_ids else ""
        return f"""<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:gml="g">
<xsd:complexType name="t"><xsd:sequence>{key}<xsd:element name="nature" type="xsd:string"/>
<xsd:element name="etages" type="xsd:int"/>
<xsd:element name="geometrie" type="gml:MultiSurfacePropertyType"/></xsd:sequence>
</xsd:complexType></xsd:schema>"""


_WFS = (
    'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:ows="http://www.opengis.net/ows/1.1" '
    'xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
)
