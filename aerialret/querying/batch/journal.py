"""The journal of a batch: records of photos go in, one after the other, and survive any end.

The first line says what was asked; each other line is the record of a photo, on the disk before the
next photo is asked. Of several records of one photo the last counts. A line that a killed run left
unfinished is cut off.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from aerialret.errors import NotAnArtefactError, WouldOverwriteError
from aerialret.querying.batch.file_state import FileState
from aerialret.querying.batch.record import PhotoRecord
from aerialret.querying.batch.record_lines import from_line, to_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record lies in the file, and of which file it is."""

    offset: int
    file: FileState


def journal_path(out: Path) -> Path:
    """Where the journal of the output `out` lies: beside it."""
    return out.with_name(f".{out.name}.journal")


class Journal:
    """An open journal; closed by leaving its `with` block.

    Attributes:
        path: Its file.
    """

    def __init__(
        self, path: Path, *, request: Mapping[str, Any], out: str = "", replace: bool = False
    ) -> None:
        """Opens the journal `path`, or begins it.

        Args:
            path: Its file.
            request: What is asked: plain values that the answers depend on.
            out: The output, for messages.
            replace: Whether to begin anew where something else was asked.

        Raises:
            WouldOverwriteError: Something else was asked, or another run is at work on it.
            NotAnArtefactError: The file is no journal.
        """
        self.path = path
        self._out = out
        self._places: dict[str, _Place] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: BinaryIO = path.open("a+b")
        try:
            self._lock()
            self._begin(json.loads(json.dumps(request)), replace=replace)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def __len__(self) -> int:
        return len(self._places)

    def file_of(self, name: str) -> FileState | None:
        """The state of the photo's file when it was asked about; None where it was not."""
        place = self._places.get(name)
        return place.file if place else None

    def read(self, name: str) -> PhotoRecord:
        """The record of a photo that was asked about."""
        self._stream.seek(self._places[name].offset)
        return from_line(self._stream.readline())

    def append(self, record: PhotoRecord) -> None:
        """Adds a record; it is on the disk when this returns."""
        offset = self._stream.seek(0, os.SEEK_END)
        self._write(to_line(record))
        self._places[record.name] = _Place(offset, record.file)

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WouldOverwriteError(
                f"another run is at work on {self._out or self.path}; wait for its end, or give "
                "another '--out'"
            ) from None

    def _begin(self, request: Mapping[str, Any], *, replace: bool) -> None:
        self._stream.seek(0)
        header = self._stream.readline()
        after = self._stream.tell()
        holds_records = self._stream.seek(0, os.SEEK_END) > after
        if not replace and header.endswith(b"\n") and (holds_records or not _is_header(header)):
            self._require_same(header, request)
            self._stream.seek(after)
            self._read_places()
            return
        self._stream.truncate(0)
        line = json.dumps({"journal": FORMAT_VERSION, "request": request}, ensure_ascii=False)
        self._write(line.encode() + b"\n")

    def _require_same(self, header: bytes, request: Mapping[str, Any]) -> None:
        if not _is_header(header):
            raise NotAnArtefactError(
                f"{self.path} is no journal of a batch; add '--replace' to begin anew"
            )
        values = json.loads(header)
        differing = _differences(values["request"], request)
        if values["journal"] != FORMAT_VERSION:
            differing.insert(0, "another version of aerialret")
        if differing:
            raise WouldOverwriteError(
                f"{self._out or self.path} was begun with {'; '.join(differing)}; add '--replace' "
                "to ask about all photos again, or give another '--out'"
            )

    def _read_places(self) -> None:
        offset = self._stream.tell()
        while line := self._stream.readline():
            if not line.endswith(b"\n"):
                self._stream.truncate(offset)
                return
            try:
                record = json.loads(line)
                self._places[record["name"]] = _Place(offset, FileState(**record["file"]))
            except (ValueError, TypeError, KeyError):
                pass  # a damaged line: its photo is asked about again
            offset += len(line)

    def _write(self, line: bytes) -> None:
        self._stream.write(line)
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _is_header(line: bytes) -> bool:
    try:
        values = json.loads(line)
        return isinstance(values["journal"], int) and isinstance(values["request"], dict)
    except (ValueError, TypeError, KeyError):
        return False


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What was asked before, in words, where something else is asked now."""
    names = [*now, *(name for name in before if name not in now)]
    return [
        f"{name} {_shown(before.get(name))}, but now it is {_shown(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _shown(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
