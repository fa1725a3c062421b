"""An answer that should be a whole raster file: the file goes in, a reason why not comes out."""

import hashlib
import warnings
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from aerialret.services.http.answers import Accept, CachedAnswer
from aerialret.services.http.service_messages import exception_in, words_of

_HASHES = {"1220": "sha256", "1340": "sha512", "1114": "sha1", "d50110": "md5"}
"""Multihash prefixes, as `file:checksum` has them: kind and length."""


def raster_accepted(*, size: int, checksum: str) -> Accept:
    """A check that an answer is a raster, and whole.

    Args:
        size: How many bytes it has; 0 where that is not known.
        checksum: Its multihash in hexadecimal digits; empty where that is not known.
    """

    def accept(answer: CachedAnswer) -> str:
        arrived = answer.path.stat().st_size
        if size and arrived != size:
            return f"the file has {arrived} bytes instead of {size}"
        if not _has_checksum(answer.path, checksum):
            return "the file is not the one whose checksum the item tells"
        return _complaint(answer.path)

    return accept


def _complaint(path: Path) -> str:
    told = exception_in(path)
    if told:
        return f"the answer is an exception: {told}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                end = _tiff_end(dataset) if dataset.driver == "GTiff" else 0
                is_jpeg2000 = dataset.driver.startswith("JP2")
    except RasterioError:
        words = words_of(path)
        return "the answer is no image" + (f": {words}" if words else "")
    if end > path.stat().st_size or (is_jpeg2000 and not _ends_jpeg2000(path)):
        return "the image ends early"
    return ""


def _tiff_end(dataset: rasterio.DatasetReader) -> int:
    """Where the last of the blocks at the border ends: a cut file opens without a word."""
    height, width = dataset.block_shapes[0]
    last = (-(-dataset.width // width) - 1, -(-dataset.height // height) - 1)
    end = 0
    for col, row in {(0, 0), (last[0], 0), (0, last[1]), last}:
        where = (
            dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=dataset.count)
            for what in ("OFFSET", "SIZE")
        )
        end = max(end, sum(int(number or 0) for number in where))
    return end


def _ends_jpeg2000(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        return b"\xff\xd9" in stream.read()


def _has_checksum(path: Path, checksum: str) -> bool:
    prefix = next((prefix for prefix in _HASHES if checksum.startswith(prefix)), "")
    if not prefix:
        return True
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, _HASHES[prefix]).hexdigest()
    return checksum == prefix + digest
