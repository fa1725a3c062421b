"""What came of a service's parts: each goes in with its file or its failure, lines come out."""

from pathlib import Path

from aerialret.services.fetched import FetchedFiles
from aerialret.services.maps.image_parts import listed
from aerialret.services.maps.image_store import ImageStore


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
        self._absent: list[tuple[int, str]] = []
        self._parts = 0

    def add(self, store: ImageStore, key: str, *, ground: str) -> None:
        """Counts a part that was had: its file, or its emptiness.

        Args:
            store: Where its file is.
            key: Its key there.
            ground: Which ground it shows, for the lines.
        """
        self._parts += 1
        emptiness = store.emptiness(key)
        if emptiness:
            self._empty.setdefault(emptiness, []).append(ground)
            return
        self._paths.append(store.path(key))
        if store.absent_tiles(key):
            self._absent.append((store.absent_tiles(key), ground))

    def lose(self, *, ground: str, failure: str) -> None:
        """Counts a part that could not be had, with the reason."""
        self._parts += 1
        self._missing.append(f"{self._entry}: no imagery of {ground}: {failure}")

    def result(self, *, notes: tuple[str, ...] = ()) -> FetchedFiles:
        """The files in the order of the parts, and a line for whatever else there is to say."""
        return FetchedFiles(
            paths=tuple(self._paths),
            missing=tuple(self._missing),
            notes=(*notes, *self._empty_lines(), *self._absent_lines()),
        )

    def _empty_lines(self) -> list[str]:
        return [
            f"{self._entry}: {len(grounds)} of {self._parts} parts hold no image ({emptiness}): "
            f"{listed(grounds)}"
            for emptiness, grounds in sorted(self._empty.items())
        ]

    def _absent_lines(self) -> list[str]:
        if not self._absent:
            return []
        grounds = [f"{count} in {ground}" for count, ground in self._absent]
        count = sum(count for count, _ in self._absent)
        return [f"{self._entry}: {count} tiles do not exist: {listed(grounds)}"]
