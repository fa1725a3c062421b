"""Texts of a shapefile's table as they are stored: a DBF file goes in, raw bytes come out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

DELETED = ord("*")
"""First byte of a record that is deleted."""

_ROWS = 16_384
_NOT_ASCII = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class DbfField:
    """One column of text.

    Attributes:
        name: Its raw name.
        offset: Where it begins in a record, in bytes.
        width: Its length, in bytes.
    """

    name: bytes
    offset: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DbfHeader:
    """What the header of a DBF file says.

    Attributes:
        code_page: The language driver's number, byte 29; 0: none.
        records: How many records there are.
        start: Where the first one begins, in bytes.
        length: How long one is, in bytes.
        texts: The columns of text.
    """

    code_page: int
    records: int
    start: int
    length: int
    texts: tuple[DbfField, ...]


def sidecar(path: Path, suffix: str) -> Path | None:
    """The file beside a shapefile with the ending `suffix` in any letter case, if it is there."""
    for other in path.parent.iterdir():
        if other.stem.casefold() == path.stem.casefold() and other.suffix.lower() == suffix:
            return other
    return None


def read_header(stream: BinaryIO) -> DbfHeader:
    """The header of a DBF file.

    Raises:
        ValueError: The file ends within it.
    """
    head = stream.read(32)
    if len(head) < 32:
        raise ValueError("the table ends within its header")
    start = int.from_bytes(head[8:10], "little")
    return DbfHeader(
        code_page=head[29],
        records=int.from_bytes(head[4:8], "little"),
        start=start,
        length=int.from_bytes(head[10:12], "little"),
        texts=tuple(_texts(stream.read(max(start - 32, 0)))),
    )


def distinct_foreign(stream: BinaryIO, header: DbfHeader, field: DbfField) -> set[bytes]:
    """The distinct values of a column that are more than ASCII, without padding at their end.

    Deleted records do not count. Values that fill the column keep their full width.
    """
    stream.seek(header.start)
    found: set[bytes] = set()
    left = header.records
    while left > 0 and header.length:
        content = stream.read(min(left, _ROWS) * header.length)
        whole = len(content) // header.length
        if not whole:
            break
        rows = np.frombuffer(content, np.uint8, count=whole * header.length)
        found |= _foreign(rows.reshape(whole, header.length), field)
        left -= whole
    return found


def _foreign(rows: np.ndarray[tuple[int, int], np.dtype[np.uint8]], field: DbfField) -> set[bytes]:
    cells = rows[:, field.offset : field.offset + field.width]
    chosen = (cells >= _NOT_ASCII).any(axis=1) & (rows[:, 0] != DELETED)
    return {bytes(cell).rstrip(b" \0") for cell in np.unique(cells[chosen], axis=0)}


def _texts(descriptors: bytes) -> Iterator[DbfField]:
    offset = 1  # the first byte of a record says whether it is deleted
    for begin in range(0, len(descriptors) - 31, 32):
        item = descriptors[begin : begin + 32]
        if item[0] == 0x0D:
            return
        is_text = item[11:12] == b"C"
        width = item[16] + 256 * item[17] * is_text  # long texts store their length in two bytes
        if is_text:
            yield DbfField(name=item[:11].split(b"\0")[0], offset=offset, width=width)
        offset += width
