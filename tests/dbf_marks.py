"""Shapefiles whose marks of encoding are missing or wrong, as they circulate."""

from pathlib import Path

LDID = 29
"""Where a table says its code page, in bytes from its begin."""


def set_marks(path: Path, *, cpg: str | None, code_page: int = 0) -> Path:
    """Writes the .cpg and the code page of a shapefile's table anew; None: no .cpg."""
    mark = path.with_suffix(".cpg")
    mark.unlink(missing_ok=True)
    if cpg is not None:
        mark.write_text(cpg)
    table = path.with_suffix(".dbf")
    content = bytearray(table.read_bytes())
    content[LDID] = code_page
    table.write_bytes(content)
    return path


def delete_record(path: Path, index: int) -> None:
    """Marks one record of a shapefile's table as deleted."""
    table = path.with_suffix(".dbf")
    content = bytearray(table.read_bytes())
    start, length = (int.from_bytes(content[at : at + 2], "little") for at in (8, 10))
    content[start + index * length] = ord("*")
    table.write_bytes(content)
