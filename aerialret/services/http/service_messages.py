"""What a service says went wrong: the body of an answer goes in, one line of text comes out."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree

_READ_BYTES = 65536
_SHOWN = 240
_EXCEPTION_TAGS = ("ExceptionText", "ServiceException", "Exception")
_PERMANENT = frozenset(
    {
        "layernotdefined", "stylenotdefined", "layernotqueryable", "invalidformat", "invalidcrs",
        "invalidsrs", "invalidparametervalue", "missingparametervalue", "missingdimensionvalue",
        "invaliddimensionvalue", "operationnotsupported", "operationparsingfailed",
        "optionnotsupported", "versionnegotiationfailed", "tileoutofrange", "tilenotdefined",
    }
)  # fmt: skip
"""Codes of exceptions that the same request gets again: WMS 1.3.0 (OGC 06-042, table E.1), OWS
Common (OGC 06-121r9, table 27), WMTS (OGC 07-057r7, table 24)."""

_TAG = re.compile(r"<[^>]*>")
_UNSEEN = re.compile(r"<(style|script|head)\b.*?</\1>", re.DOTALL | re.IGNORECASE)


def exception_in(body: Path) -> str:
    """The service's words where `body` is an OGC exception report in XML, else "".

    Such reports come with status 200 as well (WMS 1.1.1 and 1.3.0, OWS Common).
    """
    start = _start(body)
    if b"Exception" not in start or not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return ""
    try:
        root = ElementTree.fromstring(body.read_bytes())
    except ElementTree.ParseError:
        named = b"ExceptionReport" in start or b"ServiceException" in start
        return _shortened(_TAG.sub(" ", start.decode(errors="replace"))) if named else ""
    if not _name(root.tag).endswith(("ExceptionReport", "Exception")):
        return ""
    return _words(root) or "an exception report without text"


def exception_code(body: Path) -> str:
    """The code of the OGC exception report in `body`, as `LayerNotDefined`; "" without one."""
    start = _start(body)
    if b"Exception" not in start or not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return ""
    try:
        root = ElementTree.fromstring(body.read_bytes())
    except ElementTree.ParseError:
        return ""
    if not _name(root.tag).endswith(("ExceptionReport", "Exception")):
        return ""
    codes = (one.get("exceptionCode") or one.get("code") for one in root.iter())
    return next((code.rpartition(":")[2] for code in codes if code), "")


def is_permanent(code: str) -> bool:
    """Whether an exception with this code is what the same request gets at any time."""
    return code.lower() in _PERMANENT


def words_of(body: Path) -> str:
    """The words of an error page: of an exception report, of HTML, of plain text or JSON."""
    told = exception_in(body)
    if told:
        return told
    start = _start(body)
    if b"\0" in start:
        return ""
    text = _UNSEEN.sub(" ", start.decode(errors="replace"))
    return _shortened(_TAG.sub(" ", text))


def _words(root: ElementTree.Element) -> str:
    for wanted in _EXCEPTION_TAGS:
        elements = [element for element in root.iter() if _name(element.tag) == wanted]
        texts = [" ".join("".join(element.itertext()).split()) for element in elements]
        codes = [element.get("exceptionCode") or element.get("code") or "" for element in elements]
        told = [text or code for text, code in zip(texts, codes, strict=True) if text or code]
        if told:
            return _shortened("; ".join(told))
    return ""


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _start(body: Path) -> bytes:
    with body.open("rb") as stream:
        return stream.read(_READ_BYTES)


def _shortened(text: str) -> str:
    line = " ".join(html.unescape(text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
