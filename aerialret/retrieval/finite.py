"""Whether a model's descriptors can be compared: its vectors go in, nothing comes out unless not.

A single weight that is no number makes every score one that is neither better nor worse than any.
"""

import numpy as np

from aerialret.errors import NotFiniteError
from aerialret.network.checkpoint import Model
from aerialret.tiles.arrays import Descriptors


def require_finite(vectors: Descriptors, *, model: Model) -> Descriptors:
    """The vectors (float32 [n, R]) as they are.

    Raises:
        NotFiniteError: One holds a value that is infinite or no number.
    """
    odd = int((~np.isfinite(vectors.sum(axis=1, dtype=np.float64))).sum())
    if odd:
        raise NotFiniteError(
            f"model {model.folder} describes {odd} of {len(vectors)} tiles by values that are "
            "infinite or no numbers, so that nothing can be compared; its weights are damaged: "
            "train it again, or import it from a sound source"
        )
    return vectors
