"""Scans: a plain picture and what is known of it go in, the squares to search come out.

Where its ground resolution is known, a square shows as much ground as the index compares with;
where it is not, the middle of the picture is taken to, and the index's scales are all tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aerialret.querying.content import Border, Content
from aerialret.querying.cuts import Square, centre_square, cut_squares
from aerialret.querying.ground_resolution import (
    GroundResolution,
    ground_resolution,
    square_side_m,
)
from aerialret.querying.plain_picture import Cut, PlainPicture, read_plain_picture
from aerialret.tiles.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How plain pictures are read.

    Attributes:
        gsd_m: Metres on the ground for each pixel; 0: not known.
        photo_scale: Denominator of the photograph's scale, as 25000; 0: not known.
        border: What is cut off on each side; None to look for a frame.
        cuts: Squares at most that a picture is cut into; 0: as many as help.
        sides_m: Sides of the ground that the index compares photos with; empty: a tile's side.
        between: Whether photos are compared as well that show something between these sides, so
            that nothing has to be cut off.
    """

    gsd_m: float = 0.0
    photo_scale: float = 0.0
    border: Border | None = None
    cuts: int = 0
    sides_m: tuple[float, ...] = ()
    between: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A plain picture as it is searched.

    Attributes:
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        content: Where it shows the ground.
        cuts: Its squares, the one in the middle first; none once they were searched.
        resolution: Its ground resolution, where that is known.
        notes: What was assumed, for the user to read.
    """

    width: int
    height: int
    content: Content
    cuts: tuple[Cut, ...]
    resolution: GroundResolution | None
    notes: tuple[str, ...]

    def without_pixels(self) -> "Scan":
        """The scan without its cuts."""
        return replace(self, cuts=())


def read_scan(path: Path, *, grid: Grid, reading: Reading) -> Scan:
    """The plain picture in the file `path`.

    Raises:
        UnreadableInputError: The file is no picture, or is damaged.
        ConfigurationError: Its scale is given but not its dots per inch, or the border leaves
            nothing.
    """
    resolution = ground_resolution(path, gsd_m=reading.gsd_m, photo_scale=reading.photo_scale)
    sides_m = reading.sides_m or (grid.tile_size_m,)

    def squares(content: Content) -> tuple[Square, ...]:
        side = _square_px(content, resolution, sides_m, grid)
        if resolution is not None and side is None:  # it shows less than the least square
            return (centre_square(content.box),)
        return cut_squares(content.box, side=side, most=reading.cuts, whole=reading.between)

    picture = read_plain_picture(path, tile_px=grid.tile_px, squares=squares, border=reading.border)
    return Scan(
        width=picture.width,
        height=picture.height,
        content=picture.content,
        cuts=picture.cuts,
        resolution=resolution,
        notes=(_assumed(picture, resolution, sides_m), *_done(picture, reading, grid)),
    )


def _square_px(
    content: Content, resolution: GroundResolution | None, sides_m: Sequence[float], grid: Grid
) -> int | None:
    """Side of a square in pixels, where the ground resolution tells it."""
    if resolution is None:
        return None
    shown_m = content.box.side * resolution.metres_per_px
    side_m = square_side_m(shown_m, sides_m=sides_m, tile_size_m=grid.tile_size_m)
    return None if side_m is None else max(1, round(side_m / resolution.metres_per_px))


def _assumed(
    picture: PlainPicture, resolution: GroundResolution | None, sides_m: Sequence[float]
) -> str:
    """How much ground it is taken to show."""
    least, most = min(sides_m), max(sides_m)
    if resolution is None and least == most:
        return f"no georeference: taken to show one tile of {most:g} m"
    if resolution is None:
        return f"no georeference: taken to show from {least:.0f} to {most:.0f} m"
    shown_m = picture.cuts[0].square.side * resolution.metres_per_px
    count = len(picture.cuts)
    searched = (
        f"its middle {shown_m:.0f} m" if count == 1 else f"{count} squares of {shown_m:.0f} m"
    )
    less = f", less than the {least:.0f} m of the index" if shown_m < 0.9 * least else ""
    return f"no georeference, {resolution.source}: searched by {searched}{less}"


def _done(picture: PlainPicture, reading: Reading, grid: Grid) -> list[str]:
    """What was cut off and changed."""
    notes, side = [], picture.cuts[0].square.side
    box = picture.content.box
    if (box.width, box.height) != (picture.width, picture.height):
        what = "a frame was found" if reading.border is None else "a border was cut off"
        notes.append(f"{what}: {box.width} x {box.height} px of it show the ground")
    elif picture.width != picture.height and side == min(picture.width, picture.height):
        notes.append(f"{picture.width} x {picture.height} px: its centre square was used")
    if side < grid.tile_px:
        notes.append(f"{side} px wide: enlarged to the {grid.tile_px} px of a tile")
    if picture.dtype != "uint8":
        notes.append(f"{picture.dtype}: stretched between its 1st and 99th percentile")
    if len(picture.cuts) > 1 and reading.cuts and not (reading.gsd_m or reading.photo_scale):
        notes.append(f"searched by {len(picture.cuts)} squares of {side} px, as asked for")
    return notes
