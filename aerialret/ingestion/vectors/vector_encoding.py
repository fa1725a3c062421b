"""Text encodings of shapefiles: a path goes in, the encoding and how it was told come out.

Deliveries carry UTF-8 without any mark, Windows-1252 without any mark, and marks that are wrong, so
a mark of UTF-8 counts only where the bytes bear it out.
"""

import codecs
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aerialret.ingestion.vectors.dbf_table import (
    DbfField,
    DbfHeader,
    distinct_foreign,
    read_header,
    sidecar,
)

UTF_8, FALLBACK = "utf-8", "cp1252"

CODE_PAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x57: "cp1252", 0x58: "cp1252", 0x59: "cp1252",
    0x08: "cp865", 0x0A: "cp850", 0x0E: "cp850", 0x10: "cp850", 0x12: "cp850", 0x14: "cp850",
    0x16: "cp850", 0x17: "cp865", 0x1A: "cp850", 0x1C: "cp863", 0x1D: "cp850", 0x1F: "cp852",
    0x22: "cp852", 0x23: "cp852", 0x24: "cp860", 0x25: "cp850", 0x26: "cp866", 0x37: "cp850",
    0x40: "cp852", 0x13: "cp932", 0x7B: "cp932", 0x4D: "cp936", 0x7A: "cp936", 0x4E: "cp949",
    0x79: "cp949", 0x4F: "cp950", 0x78: "cp950", 0x50: "cp874", 0x7C: "cp874", 0x64: "cp852",
    0x65: "cp866", 0x66: "cp865", 0x67: "cp861", 0x6A: "cp737", 0x6B: "cp857", 0x6C: "cp863",
    0x86: "cp737", 0x87: "cp852", 0x88: "cp857", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254",
    0xCB: "cp1253", 0xCC: "cp1257",
}  # fmt: skip
"""Encodings by the language driver's number of a DBF file; 0 names none."""

_CPG_NUMBERS = {"65001": UTF_8, "88591": "iso8859-1", "885915": "iso8859-15"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoding:
    """How the texts of a file are stored.

    Attributes:
        name: The encoding; empty: the format says it itself.
        origin: How it was told, for the report.
        warning: What the report should say of a wrong mark, or empty.
    """

    name: str = ""
    origin: str = "the format"
    warning: str = ""


def encoding_of(path: Path, *, fields: Collection[str] = ()) -> TextEncoding:
    """The encoding of a shapefile's texts: its .cpg, its bytes, its code page, or Windows-1252.

    Args:
        path: The file; other formats say their encoding themselves.
        fields: Names of the fields that matter, in lower case; empty: all.

    Raises:
        OSError: The table cannot be read.
        ValueError: It ends within its header.
    """
    table = sidecar(path, ".dbf") if path.suffix.lower() == ".shp" else None
    if table is None:
        return TextEncoding()
    marked, mark = _cpg(path)
    if marked and marked != UTF_8:
        return TextEncoding(name=marked, origin=".cpg")
    header, values = _stored(table, fields)
    if all(_is_utf8(value, width=width) for value, width in values):
        return TextEncoding(name=UTF_8, origin=".cpg" if marked else "its bytes")
    warning = f"its .cpg says {mark}, but its texts are not" if marked else ""
    if header.code_page in CODE_PAGES:
        name = CODE_PAGES[header.code_page]
        return TextEncoding(name=name, origin="code page of its table", warning=warning)
    return TextEncoding(name=FALLBACK, origin="its bytes are not UTF-8", warning=warning)


def _stored(table: Path, fields: Collection[str]) -> tuple[DbfHeader, Iterable[tuple[bytes, int]]]:
    """The header of a table, and names and values that are more than ASCII, each with its width."""
    with table.open("rb") as stream:
        header = read_header(stream)
        chosen = [field for field in header.texts if _matters(field, fields)]
        values = [
            (value, field.width)
            for field in chosen
            for value in distinct_foreign(stream, header, field)
        ]
    # GDAL wants whole letters in names, so a name that was cut counts as not UTF-8.
    return header, [*values, *((field.name, len(field.name) + 1) for field in header.texts)]


def _matters(field: DbfField, fields: Collection[str]) -> bool:
    return not fields or field.name.decode("ascii", errors="replace").casefold() in fields


def _is_utf8(value: bytes, *, width: int) -> bool:
    """Whether bytes are UTF-8; a letter that the end of the column cuts through is none."""
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(value, final=len(value) < width)
    except UnicodeDecodeError:
        return False
    return True


def _cpg(path: Path) -> tuple[str, str]:
    """The encoding that the .cpg file names, or empty, and what it says."""
    mark = sidecar(path, ".cpg")
    if mark is None:
        return "", ""
    said = mark.read_bytes()[:64].decode("ascii", errors="replace").strip("\ufeff\ufffd\0 \r\n\t")
    return next((name for spelling in _spellings(said) if (name := _codec(spelling))), ""), said


def _spellings(said: str) -> Iterator[str]:
    """Ways to write a code page: `ISO-8859-1`, `ISO 88591`, `ANSI 1252`, `OEM 850`, `65001`."""
    digits = "".join(letter for letter in said if letter.isdigit())
    yield said
    if digits:
        yield _CPG_NUMBERS.get(digits, f"cp{digits}")


def _codec(name: str) -> str:
    """Python's name of an encoding that ASCII is a part of, or empty."""
    try:
        return codecs.lookup(name).name if "a".encode(name) == b"a" else ""
    except (LookupError, ValueError):
        return ""
