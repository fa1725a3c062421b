"""Vector files that were cut off: GDAL silently leaves out what is missing of two formats."""

import struct
from pathlib import Path

import pyogrio


def check_shapefile(path: Path) -> None:
    """Checks the geometries and the table of a shapefile against the lengths in their headers.

    Other files pass.

    Raises:
        ValueError: A part is shorter than its header says.
    """
    if path.suffix.lower() != ".shp":
        return
    with path.open("rb") as stream:
        words = _unpack(">24xi", stream.read(28), path)[0]
    _check_size(path, expected=2 * words)
    for table in path.parent.iterdir():
        if table.stem == path.stem and table.suffix.lower() == ".dbf":
            with table.open("rb") as stream:
                records, header, record = _unpack("<4xIHH", stream.read(12), table)
            _check_size(table, expected=header + records * record)


def check_flatgeobuf(path: Path, *, count: int) -> None:
    """Checks that the last feature of a FlatGeobuf file can be read; other files pass.

    Args:
        path: The file.
        count: How many features its header says it has.

    Raises:
        ValueError: The last feature is not there.
        FeatureError: It is cut off.
    """
    if path.suffix.lower() != ".fgb" or not count:
        return
    last = pyogrio.read_dataframe(path, skip_features=count - 1, max_features=1, columns=[])
    if len(last) != 1:
        raise ValueError(f"its header says {count} features, but the last one is missing")


def _unpack(layout: str, content: bytes, path: Path) -> tuple[int, ...]:
    if len(content) < struct.calcsize(layout):
        raise ValueError(f"{path.name} ends within its header")
    return struct.unpack(layout, content)


def _check_size(path: Path, *, expected: int) -> None:
    size = path.stat().st_size
    if size < expected:
        raise ValueError(f"{path.name} should be {expected} bytes long, but is {size}")
