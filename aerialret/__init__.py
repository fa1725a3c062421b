"""aerialret: find the same place in aerial imagery of another year.

Example:
    >>> import aerialret
    >>> model = aerialret.load_model("model")
    >>> vectors = model.describe(images)  # uint8 [n, 3, h, w] -> float32 [n, R]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerialret.api import Hit, LoadedIndex, LoadedModel, load_index, load_model

__version__ = "0.1.0"

__all__ = ["Hit", "LoadedIndex", "LoadedModel", "__version__", "load_index", "load_model"]


def __getattr__(name: str) -> Any:
    """What `aerialret.api` offers, imported when it is asked for: it brings torch."""
    if name in __all__:
        from aerialret import api

        return getattr(api, name)
    raise AttributeError(f"module 'aerialret' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
