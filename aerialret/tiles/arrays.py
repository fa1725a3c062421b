"""Names for array shapes, said once."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""uint8 [3, height, width]: red, green, blue, north up."""

Mask: TypeAlias = NDArray[np.uint8]
"""uint8 [height, width]: class codes; 0 is background, 255 is outside the vector coverage."""

Valid: TypeAlias = NDArray[np.bool_]
"""bool [height, width]: true where the orthophoto has an image."""

Descriptors: TypeAlias = NDArray[np.float32]
"""float32 [n, R]: unit vectors."""
