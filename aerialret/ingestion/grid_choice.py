"""The grid of a tile set: the configuration and the first date's imagery go in, the grid out."""

from collections.abc import Sequence
from dataclasses import fields

from aerialret.config.sources import GridConfig
from aerialret.errors import ConfigurationError
from aerialret.ingestion.crs import crs_name, parse_crs, require_metres, same_crs
from aerialret.ingestion.imagery.footprints import footprint
from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.tiles.grid import Grid

AUTO = "auto"
"""The origin that stands for the corner of the first date's imagery."""


def new_grid(config: GridConfig, files: Sequence[OrthoFile]) -> Grid:
    """The grid for the first date of a tile set.

    Args:
        config: What is asked for.
        files: The date's orthophotos.

    Raises:
        ConfigurationError: The CRS is not in metres, or the origin is no point.
    """
    crs = parse_crs(config.crs, option="--crs") if config.crs else files[0].crs
    origin = f"--crs {config.crs}" if config.crs else f"orthophoto {files[0].path}"
    require_metres(crs, origin=origin)
    if config.origin == AUTO:
        bounds = [footprint(file, crs) for file in files]
        x, y = min(box.left for box in bounds), max(box.top for box in bounds)
    else:
        x, y = parse_origin(config.origin)
    return Grid(
        crs=crs_name(crs),
        tile_size_m=float(config.tile_size_m),
        tile_px=config.tile_px,
        origin_x_m=x,
        origin_y_m=y,
    )


def check_grid(existing: Grid, config: GridConfig, *, tileset: str) -> None:
    """Checks that nothing is asked for that the grid of a tile set is not.

    Args:
        existing: The tile set's grid.
        config: What is asked for; values left at their defaults ask for nothing.
        tileset: Where the tile set lies, for the message.

    Raises:
        ConfigurationError: Something else is asked for.
    """
    defaults = GridConfig()
    asked = {
        spec.name: getattr(config, spec.name)
        for spec in fields(config)
        if getattr(config, spec.name) != getattr(defaults, spec.name)
    }
    for name, value in asked.items():
        own = _value_of(existing, name)
        if not _agrees(existing, name, value):
            raise ConfigurationError(
                f"grid.{name} {value} was asked for, but tile set {tileset} has {own}, and one "
                f"tile set has one grid; leave {name} out, or ingest into another tile set"
            )


def parse_origin(text: str) -> tuple[float, float]:
    """The point that `X,Y` names.

    Raises:
        ConfigurationError: It is no point.
    """
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigurationError(
            f"grid.origin is {text!r}, but must be X,Y in metres, as in 900000,6900000, or {AUTO}"
        ) from None
    return x, y


def _value_of(grid: Grid, name: str) -> str:
    values = {
        "crs": grid.crs,
        "tile_size_m": f"{grid.tile_size_m:g}",
        "tile_px": f"{grid.tile_px}",
        "origin": f"{grid.origin_x_m:.12g},{grid.origin_y_m:.12g}",
    }
    return values[name]


def _agrees(grid: Grid, name: str, value: object) -> bool:
    if name == "crs":
        asked = parse_crs(str(value), option="--crs")
        return same_crs(asked, parse_crs(grid.crs, option="crs"))
    if name == "origin":
        own = (grid.origin_x_m, grid.origin_y_m)
        return value == AUTO or parse_origin(str(value)) == own
    return bool(value == getattr(grid, name))
