"""Whether a file is still the one it was: a path goes in, its size, time and content hash come."""

from dataclasses import dataclass
from pathlib import Path

from aerialret.errors import MissingInputError
from aerialret.manifest import hash_file


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What a file is known by.

    Attributes:
        size_bytes: Its length.
        modified_ns: When it was last written, in nanoseconds since 1970.
        sha256: Hash of its content.
    """

    size_bytes: int
    modified_ns: int
    sha256: str


def file_state(path: Path, *, known: FileState | None = None) -> FileState:
    """The state of the file `path`; the content is read only if it may differ from `known`.

    Raises:
        MissingInputError: There is no such file.
    """
    if not path.is_file():
        raise MissingInputError(f"photo {path} does not exist or is a folder; give a picture file")
    found = path.stat()
    if known and (found.st_size, found.st_mtime_ns) == (known.size_bytes, known.modified_ns):
        return known
    return FileState(
        size_bytes=found.st_size, modified_ns=found.st_mtime_ns, sha256=hash_file(path)
    )
