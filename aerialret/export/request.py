"""What an export is asked for: options go in, a value that knows its defaults comes out."""

from dataclasses import dataclass
from typing import Literal

TileFiles = Literal["cog", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CogRequest:
    """What `aerialret export cog` is asked for.

    Attributes:
        dates: Labels of the dates; all of the tile set's if empty.
        area: `left,bottom,right,top` in the tile set's CRS or a vector file; everywhere if empty.
        masks: Whether masks are exported beside the images.
        mosaic: Whether each date gets VRTs that open all its tiles as one raster.
    """

    dates: tuple[str, ...] = ()
    area: str = ""
    masks: bool = True
    mosaic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StacRequest:
    """What `aerialret export stac` is asked for.

    Attributes:
        dates: Labels of the dates; all of the tile set's if empty.
        area: As in `CogRequest`.
        tiles: `cog` writes the pixels beside the items, `none` writes items without assets.
    """

    dates: tuple[str, ...] = ()
    area: str = ""
    tiles: TileFiles = "cog"
