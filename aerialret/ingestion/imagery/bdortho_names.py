"""Names of BD ORTHO tiles: a file's name goes in; corner, CRS, ground pixel and year come out.

`57-2015-0915-6895-LA93-0M50-E080.jp2` is the tile of department 57 and year 2015 whose
north-western corner lies at x = 915 km, y = 6895 km of Lambert-93, with pixels of 0.50 m.
"""

import re
from dataclasses import dataclass
from pathlib import Path

KILOMETRE_M = 1000.0
"""The unit of the corners in names."""

TILE_SIDES_M = (5000.0, 1000.0)
"""Sides of the tiles that are delivered, and of those that users cut out of them."""

USUAL_PIXELS_M = (0.15, 0.2, 0.25, 0.5)
"""Ground pixels of deliveries; they tell which side a tile has whose name tells no pixel."""

_FORM = re.compile(
    r"(?P<dep>[0-9]{1,3}|2[AB])-(?P<year>(?:18|19|20)\d{2})-(?P<x>\d{4})-(?P<y>\d{4})"
    r"-(?P<crs>[A-Z0-9]+)(?:-(?P<gsd>\d+M\d+))?(?:-(?P<codec>[A-Z]\d{3}))?"
    r"(?P<rest>(?:[^A-Z0-9].*)?)\.(?:jp2|jpx|j2k|tiff?|ecw|png|jpe?g|vrt)",
    re.IGNORECASE,
)

_EPSG = {
    "LA93": 2154,
    "LAMB93": 2154,
    "L93": 2154,
    "LAMB2E": 27572,
    "LA2E": 27572,
    "L2E": 27572,
    "RGAF09UTM20": 5490,
    "UTM20RGAF09": 5490,
    "RGFG95UTM22": 2972,
    "UTM22RGFG95": 2972,
    "RGR92UTM40S": 2975,
    "UTM40SRGR92": 2975,
    "RGM04UTM38S": 4471,
    "UTM38SRGM04": 4471,
    "RGSPM06U21": 4467,
} | {f"CC{zone}": 3900 + zone for zone in range(42, 51)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BdOrthoName:
    """What the name of a tile says.

    Attributes:
        department: The department, as `57`, `2A` or `971`.
        year: The year of the imagery.
        left_m: The x of the north-western corner.
        top_m: The y of the north-western corner.
        crs_token: The word that names the CRS.
        epsg: The EPSG code of the CRS; None where the word is not known.
        gsd_m: Side of a pixel on the ground; None where the name does not say.
        codec: Compression, as `E080`; empty where the name does not say.
        rest: What follows, as of a part that a user cut out; usually empty.
    """

    department: str
    year: int
    left_m: float
    top_m: float
    crs_token: str
    epsg: int | None
    gsd_m: float | None
    codec: str
    rest: str

    @property
    def pattern(self) -> str:
        """The name with the corner left out: what all tiles of a delivery share."""
        gsd = "" if self.gsd_m is None else f"{self.gsd_m:g} m"
        return " ".join(part for part in (self.department, str(self.year), gsd) if part)

    def pixel_m(self, *, width_px: int) -> tuple[float, bool]:
        """Side of a pixel on the ground, and whether that is sure.

        A name without ground pixel stands for a side of 5 km, or of 1 km where the corner lies on
        no multiple of 5 km. Where both are possible, that one counts whose pixel is a usual one.

        Args:
            width_px: Columns of the raster.
        """
        if self.gsd_m is not None:
            return self.gsd_m, True
        on_five = self.left_m % TILE_SIDES_M[0] == 0 and self.top_m % TILE_SIDES_M[0] == 0
        sides = TILE_SIDES_M if on_five else TILE_SIDES_M[1:]
        usual = [side / width_px for side in sides if _is_usual(side / width_px)]
        return (usual or [sides[0] / width_px])[0], len(usual) == 1


def parse_name(path: Path | str) -> BdOrthoName | None:
    """What the name of the file at `path` says; None where it is no BD ORTHO name.

    >>> parse_name("14-2005-0415-6890-LA93.tif").left_m
    415000.0
    """
    found = _FORM.fullmatch(Path(path).name)
    if found is None:
        return None
    token = found["crs"].upper()
    return BdOrthoName(
        department=found["dep"].upper(),
        year=int(found["year"]),
        left_m=int(found["x"]) * KILOMETRE_M,
        top_m=int(found["y"]) * KILOMETRE_M,
        crs_token=token,
        epsg=_EPSG.get(token),
        gsd_m=_metres(found["gsd"]),
        codec=(found["codec"] or "").upper(),
        rest=found["rest"],
    )


def _metres(token: str | None) -> float | None:
    """`0M50` is 0.50 m."""
    metres = float(token.upper().replace("M", ".")) if token else 0.0
    return metres or None


def _is_usual(pixel_m: float) -> bool:
    return any(abs(pixel_m - usual) < 1e-6 for usual in USUAL_PIXELS_M)
