"""Names of deliveries and files: a name goes in, what it says of its content comes out.

Names are claims: the CRS and the date of a name are shown, never trusted over the file's own.
"""

import re
from dataclasses import dataclass

_BDTOPO = re.compile(
    r"BDTOPO_(?P<version>\d+-\d+)_(?P<content>[A-Z]+)_(?P<format>SHP|GPKG|SQL)_(?P<crs>[A-Z0-9]+)"
    r"_(?P<zone>D\d{3}|D02[AB]|R\d{2}|FXX|FRA)_(?P<date>\d{4}-\d{2}-\d{2})",
    re.IGNORECASE,
)
_BDORTHO = re.compile(
    r"BDORTHO_(?P<version>\d+-\d+)_(?P<content>RVB|IRC|GRIS|PAN)-(?P<gsd>\d+M\d+)"
    r"_(?P<format>[A-Z0-9]+(?:-[A-Z]\d{3})?)_(?P<crs>[A-Z0-9]+)"
    r"_(?P<zone>D\d{3}|D02[AB]|R\d{2}|FXX|FRA)_(?P<date>\d{4}-\d{2}-\d{2})",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(r"\.(7z|zip|rar|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst))(\.\d{3})?$", re.I)
_TILE_YEAR = re.compile(
    r"^(?:\d{1,3}|2[AB])-(?P<year>(?:18|19|20)\d{2})-\d{4}-\d{4}-[A-Z0-9]+", re.IGNORECASE
)
_DAY = re.compile(
    r"(?<!\d)(?P<year>(?:18|19|20)\d{2})[-_]?(?:0[1-9]|1[0-2])[-_]?(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
_YEAR = re.compile(r"(?<![\dA-Za-z])(?P<year>(?:18[5-9]|19\d|20[0-4])\d)(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryName:
    """What the name of a delivery's folder or archive says.

    Attributes:
        product: `BD TOPO` or `BD ORTHO`.
        version: As in `3.0`.
        content: Themes or bands, as in `TOUSTHEMES`, `RVB`.
        format: As in `SHP`, `JP2-E080`.
        crs: The name's word for a coordinate system, as in `LAMB93`.
        zone: Department or region, as in `D057`.
        date: As in `2019-03-19`; for BD ORTHO only the year means something.
        gsd: Ground pixel of imagery in metres, as in 0.5; 0 for vectors.
    """

    product: str
    version: str
    content: str
    format: str
    crs: str
    zone: str
    date: str
    gsd: float = 0.0

    @property
    def year(self) -> str:
        """The year of its date."""
        return self.date[:4]

    @property
    def title(self) -> str:
        """One line for a person, as `BD TOPO 3.0, SHP, D057, 2019-03-19`."""
        words = (
            [f"{self.product} {self.version}", self.content]
            if self.gsd
            else [f"{self.product} {self.version}"]
        )
        pixel = [f"{self.gsd:g} m"] if self.gsd else []
        date = self.year if self.gsd else self.date
        return ", ".join([" ".join(words), *pixel, self.format, self.zone, date])


def parse_delivery_name(name: str) -> DeliveryName | None:
    """What the name of a folder or an archive says, or None where it is no delivery's.

    >>> parse_delivery_name("BDTOPO_3-0_TOUSTHEMES_SHP_LAMB93_D057_2019-03-19").zone
    'D057'
    """
    stem = _ARCHIVE.sub("", name)
    for product, pattern in (("BD TOPO", _BDTOPO), ("BD ORTHO", _BDORTHO)):
        match = pattern.fullmatch(stem)
        if match:
            said = match.groupdict()
            return DeliveryName(
                product=product,
                version=said["version"].replace("-", "."),
                content=said["content"].upper(),
                format=said["format"].upper(),
                crs=said["crs"].upper(),
                zone=said["zone"].upper(),
                date=said["date"],
                gsd=_metres(said.get("gsd", "")),
            )
    return None


def is_archive(name: str) -> bool:
    """Whether a file of this name is a packed archive, or a part of one."""
    return _ARCHIVE.search(name) is not None


def archive_part(name: str) -> int:
    """The number of a part of a split archive (`.7z.002` is 2); 0 where it is whole."""
    match = _ARCHIVE.search(name)
    return int(match.group(3).lstrip(".")) if match and match.group(3) else 0


def year_in(name: str) -> str:
    """The year that a file's or folder's name tells, or nothing.

    >>> year_in("57-2015-0915-6895-LA93-0M50-E080.jp2"), year_in("m_4709963_se_14_1_20120731.tif")
    ('2015', '2012')
    """
    for pattern in (_TILE_YEAR, _DAY, _YEAR):
        match = pattern.search(name)
        if match:
            return match.group("year")
    return ""


def _metres(gsd: str) -> float:
    whole, _, cents = gsd.upper().partition("M")
    return float(f"{whole}.{cents}") if whole else 0.0
