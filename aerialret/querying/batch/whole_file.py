"""Whether a picture file is whole: a path goes in, nothing comes out unless it is cut off.

A copy that broke off decodes without an error as far as it goes, and grey or black from there.
"""

from pathlib import Path

from aerialret.errors import UnreadableInputError

_ENDS = {
    b"\xff\xd8\xff": b"\xff\xd9",  # JPEG (ISO/IEC 10918-1, B.1.1.3): in coded data, 0 follows FF
    b"\x89PNG\r\n\x1a\n": b"IEND",  # PNG (ISO/IEC 15948, 11.2.5): the last chunk
}
_TAIL_BYTES = 1 << 20  # cameras and scanners write data of their own after the end


def require_whole(path: Path) -> None:
    """Checks that a JPEG or a PNG has its end; other formats tell it themselves.

    Raises:
        UnreadableInputError: It is cut off.
    """
    with path.open("rb") as stream:
        beginning = stream.read(max(map(len, _ENDS)))
        end = next((end for mark, end in _ENDS.items() if beginning.startswith(mark)), None)
        stream.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        if end is not None and end not in stream.read():
            raise UnreadableInputError(
                f"photo {path} is cut off: the file ends before the picture does; copy it again"
            )
