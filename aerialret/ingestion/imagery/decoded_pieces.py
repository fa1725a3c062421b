"""Decoded pieces of orthophotos: windows go in, samples come out, each piece decoded once.

A tile needs a small window of a file, but JPEG2000 and compressed TIFF decode whole blocks for it.
Pieces of whole blocks are decoded once, by whichever thread needs them first. They stay in memory
as long as it allows, then in a file, and go when nobody asks for them any more.
"""

import itertools
import shutil
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from aerialret.ingestion.imagery.piece_lattice import (
    PieceKey,
    overlap,
    pieces_touching,
    place_of,
)
from aerialret.ingestion.imagery.reduced_file import ReducedFile
from aerialret.ingestion.imagery.wavelet import Band

KEPT_BYTES = 64 * 2**20
"""Memory for decoded pieces; what is more goes to files."""


class DecodedPieces:
    """The pieces that are still needed. Safe to use from several threads.

    Use it as a context manager: it holds files.

    Args:
        decode: Decodes a window of samples of a file.
        kept_bytes: Memory for pieces.
        at_once: Pieces that are decoded at the same time, as each takes memory of its own.
    """

    def __init__(
        self,
        decode: Callable[[ReducedFile, Window], Band],
        *,
        kept_bytes: int = KEPT_BYTES,
        at_once: int = 1,
    ) -> None:
        self._decode = decode
        self._decoding = threading.Semaphore(at_once)
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._pieces: OrderedDict[PieceKey, Future[Band]] = OrderedDict()
        self._spilt: dict[PieceKey, Path] = {}
        self._uses: Counter[PieceKey] | None = None
        self._bytes = 0
        self._folder: Path | None = None
        self._names = itertools.count()

    def __enter__(self) -> "DecodedPieces":
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.clear()
        self._bytes = 0
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def expect(self, windows: Sequence[tuple[ReducedFile, Window]]) -> list[PieceKey]:
        """Announces every window that will be released, so that pieces go as soon as they can.

        Returns:
            The pieces, in the order of their first use.
        """
        uses: Counter[PieceKey] = Counter()
        for picture, window in windows:
            uses.update(key for key, _ in pieces_touching(picture, window))
        with self._lock:
            self._uses = uses
        return list(uses)

    def read(
        self, picture: ReducedFile, window: Window
    ) -> tuple[NDArray[np.generic], NDArray[np.float32] | None]:
        """Samples [bands, height, width] of a window inside the picture, and their shares of image.

        Raises:
            UnreadableInputError: The pixels cannot be decoded.
        """
        parts = [
            (place, self._piece(key, picture, place))
            for key, place in pieces_touching(picture, window)
        ]
        if len(parts) == 1:
            place, piece = parts[0]
            inside = overlap(place, window)
            valid = None if piece.valid is None else piece.valid[inside]
            return piece.values[:, inside[0], inside[1]], valid
        return _joined(parts, window)

    def prefetch(self, key: PieceKey, picture: ReducedFile) -> None:
        """Decodes a piece if nobody has yet.

        Raises:
            UnreadableInputError: The pixels cannot be decoded.
        """
        self._piece(key, picture, place_of(key, picture))

    def is_known(self, key: PieceKey) -> bool:
        """Whether a piece is decoded, is being decoded, or is needed no more."""
        with self._lock:
            gone = self._uses is not None and self._uses[key] <= 0
            return gone or key in self._pieces or key in self._spilt

    def has_room(self) -> bool:
        """Whether another piece would stay in memory."""
        with self._lock:
            return self._bytes < self._kept_bytes * 3 // 4

    def release(self, picture: ReducedFile, window: Window) -> None:
        """Says that an announced window has been read."""
        for key, _ in pieces_touching(picture, window):
            with self._lock:
                if self._uses is None:
                    continue
                self._uses[key] -= 1
                if self._uses[key] <= 0:
                    self._forget(key)

    def _piece(self, key: PieceKey, picture: ReducedFile, place: Window) -> Band:
        with self._lock:
            future = self._pieces.get(key)
            mine = future is None
            if future is None:
                future = self._pieces[key] = Future()
            self._pieces.move_to_end(key)
            spilt = self._spilt.get(key)
        if not mine:
            return future.result()
        try:
            with self._decoding:
                band = _loaded(spilt) if spilt else self._decode(picture, place)
        except BaseException as error:
            with self._lock:
                self._pieces.pop(key, None)
            future.set_exception(error)
            raise
        future.set_result(band)
        self._shrink(_size_bytes(band))
        return band

    def _shrink(self, added: int) -> None:
        """Accounts for a new piece; moves those that were used longest ago to files."""
        with self._lock:
            self._bytes += added
            while self._bytes > self._kept_bytes:
                key = next((k for k in list(self._pieces)[:-1] if self._pieces[k].done()), None)
                if key is None:
                    return
                band = self._pieces.pop(key).result()
                self._bytes -= _size_bytes(band)
                if key not in self._spilt and self._uses is not None and self._uses[key] > 0:
                    self._spilt[key] = self._saved(band)

    def _saved(self, band: Band) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="aerialret-"))
        path = self._folder / f"{next(self._names)}.npz"
        if band.valid is None:
            np.savez(path, values=band.values)
        else:
            np.savez(path, values=band.values, valid=band.valid)
        return path

    def _forget(self, key: PieceKey) -> None:
        future = self._pieces.get(key)
        if future is not None and future.done():
            del self._pieces[key]
            self._bytes -= _size_bytes(future.result())
        path = self._spilt.pop(key, None)
        if path:
            path.unlink(missing_ok=True)


def _loaded(path: Path) -> Band:
    with np.load(path) as stored:
        return Band(stored["values"], stored.get("valid"))


def _size_bytes(band: Band) -> int:
    return band.values.nbytes + (0 if band.valid is None else band.valid.nbytes)


def _joined(
    parts: Sequence[tuple[Window, Band]], window: Window
) -> tuple[NDArray[np.generic], NDArray[np.float32] | None]:
    first = parts[0][1].values
    values = np.empty((len(first), window.height, window.width), first.dtype)
    whole = all(piece.valid is None for _, piece in parts)
    valid = None if whole else np.ones((window.height, window.width), np.float32)
    for place, piece in parts:
        there, here = overlap(place, window), overlap(window, place)
        values[:, here[0], here[1]] = piece.values[:, there[0], there[1]]
        if valid is not None and piece.valid is not None:
            valid[here] = piece.valid[there]
    return values, valid
