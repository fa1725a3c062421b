"""Several paths after one option: words go in, words with the option before each path come out.

Shells expand `--ortho photos/*.tif` to several words, which Typer would take for arguments.
"""

from collections.abc import Sequence

_COMMAND = "ingest"
_LISTS = ("--ortho", "--vectors")


def spread(words: Sequence[str]) -> list[str]:
    """`--ortho a b` as `--ortho a --ortho b`, where TILESET comes first and cannot be meant.

    Args:
        words: The command line after the program's name.
    """
    if len(words) < 2 or words[0] != _COMMAND or words[1].startswith("-"):
        return list(words)
    result: list[str] = []
    option = ""
    for word in words:
        if word.startswith("-"):
            option = word if word in _LISTS else ""
        elif option and result[-1] != option:
            result.append(option)
        result.append(word)
    return result
