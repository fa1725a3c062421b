"""Texts of vector deliveries: a spelling goes in, the key that its variants share comes out.

Deliveries differ in case, accents, punctuation and encoding: `Église`, `EGLISE` and `Ã‰glise` are
one value, and so are `Tour, donjon` and `Tour/donjon`.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_BETWEEN_WORDS = re.compile(r"[\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """The key of a value: lower case, no accents, single spaces instead of punctuation.

    >>> fold("Tour/donjon") == fold("TOUR, DONJON")
    True
    """
    folded = unicodedata.normalize("NFC", repair_encoding(text)).casefold().translate(_LIGATURES)
    letters = unicodedata.normalize("NFKD", folded)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _BETWEEN_WORDS.sub(" ", plain).strip()


def fold_all(texts: Iterable[str]) -> frozenset[str]:
    """The keys of several values."""
    return frozenset(fold(text) for text in texts)


def repair_encoding(text: str) -> str:
    """`text`, with UTF-8 that was read as ISO-8859-1 or Windows-1252 put right.

    >>> repair_encoding("ChÃ¢teau")
    'Château'
    """
    if "Ã" not in text:
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text
