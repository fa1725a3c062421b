"""What came of a service's parts: each goes in with its file or its failure, lines come out."""

from collections.abc import Mapping
from pathlib import Path

from aerialret.services.fetched import FetchedFiles
from aerialret.services.image_parts import listed
from aerialret.services.image_store import ImageStore


class ImageTally:
    """Counts the parts of one entry.

    Args:
        entry: What they are parts of, for the lines.
    """

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._paths: list[Path] = []
        self._missing: list[str] = []
        self._empty: dict[str, list[str]] = {}
        self._parts = 0

    def add(self, store: ImageStore, key: str, *, ground: str, failure: str | None = None) -> None:
        """Counts one part: its file, its emptiness, or why there is neither.

        Args:
            store: Where its file is.
            key: Its key there.
            ground: Which ground it shows, for the lines.
            failure: Why it could not be had; None where it could.
        """
        self._parts += 1
        emptiness = store.emptiness(key)
        if failure is not None:
            self._missing.append(f"{self._entry}: no imagery of {ground}: {failure}")
        elif emptiness:
            self._empty.setdefault(emptiness, []).append(ground)
        else:
            self._paths.append(store.path(key))

    def result(self, *, notes: tuple[str, ...] = ()) -> FetchedFiles:
        """The files in the order of the parts, and a line for whatever else there is to say."""
        return FetchedFiles(
            paths=tuple(self._paths),
            missing=tuple(self._missing),
            notes=(*notes, *_empty_lines(self._entry, self._parts, self._empty)),
        )


def _empty_lines(entry: str, parts: int, empty: Mapping[str, list[str]]) -> list[str]:
    return [
        f"{entry}: {len(grounds)} of {parts} parts hold no image (all {emptiness}): "
        f"{listed(grounds)}"
        for emptiness, grounds in sorted(empty.items())
    ]
