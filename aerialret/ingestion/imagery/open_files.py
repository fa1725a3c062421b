"""Open orthophotos: a file and a codec level go in, a dataset for the calling thread comes out."""

import threading
import warnings
from collections import OrderedDict
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from aerialret.ingestion.imagery.ortho_files import OrthoFile, reading

_FOR_EACH_THREAD = 3  # pieces are whole stretches of one file; an open one holds its last block


class OpenFiles:
    """Datasets that are kept open, for each thread its own: GDAL's are not safe to share."""

    def __init__(self) -> None:
        self._threads: dict[int, OrderedDict[tuple[Path, int], DatasetReader]] = {}
        self._lock = threading.Lock()

    def __call__(self, file: OrthoFile, level: int) -> DatasetReader:
        """The open file, at a level that its codec offers; 0 is the file as it is.

        Raises:
            UnreadableInputError: It cannot be opened.
        """
        with self._lock:
            opened = self._threads.setdefault(threading.get_ident(), OrderedDict())
        key = (file.path, level)
        if key not in opened:
            if len(opened) == _FOR_EACH_THREAD:
                opened.popitem(last=False)[1].close()
            opened[key] = _open(file.path, level)
        opened.move_to_end(key)
        return opened[key]

    def close(self) -> None:
        """Closes everything; no thread may read any more."""
        for opened in self._threads.values():
            for dataset in opened.values():
                dataset.close()
        self._threads.clear()


def _open(path: Path, level: int) -> DatasetReader:
    options = {"overview_level": level - 1} if level else {}
    with reading(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **options)
