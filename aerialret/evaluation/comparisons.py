"""Comparisons: what a model sees and which dates have masks go in, what to compare comes out."""

from dataclasses import dataclass

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.descriptors import Modality, modalities_of

HEADLINE = "headline"
"""Stands for the first comparison, whatever its name."""

EVERY = "every"
"""Every comparison."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What queries and gallery are described by."""

    queries: Modality
    gallery: Modality

    @property
    def name(self) -> str:
        """As in `image+mask`, or `image against image+mask`."""
        if self.queries == self.gallery:
            return self.queries
        return f"{self.queries} against {self.gallery}"

    @property
    def sees_images(self) -> bool:
        """Whether both sides are described by their images, be it among others."""
        return "mask" not in (self.queries, self.gallery)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The date of the queries and the date of the gallery."""

    queries: str
    gallery: str


def comparisons_of(
    config: ModelConfig, *, queries_masked: bool, gallery_masked: bool
) -> tuple[Comparison, ...]:
    """What can be compared, the headline first.

    Args:
        config: What the network sees.
        queries_masked: Whether any query has a mask.
        gallery_masked: Whether any tile of the gallery has one.

    Raises:
        ConfigurationError: The network sees masks only, and a date has none.
    """
    if config.input == "image":
        return (Comparison("image", "image"),)
    if config.input == "mask":
        if not (queries_masked and gallery_masked):
            raise ConfigurationError(
                "the model sees masks only, but one of the two dates has no vectors; "
                "ingest it again with '--vectors'"
            )
        return (Comparison("mask", "mask"),)
    if config.input == "either":
        return _crossed(queries_masked=queries_masked, gallery_masked=gallery_masked)
    both, image, mask = (Comparison(name, name) for name in modalities_of(config))
    crossed = Comparison("image", "image+mask")
    if queries_masked and gallery_masked:
        return (both, image, mask, crossed)
    return (crossed, image) if gallery_masked else (image,)


def chosen(comparisons: tuple[Comparison, ...], *, only: str | None) -> tuple[Comparison, ...]:
    """The comparison named `only` (or `HEADLINE`, the first) by itself; all for None and `EVERY`.

    Raises:
        ConfigurationError: There is none of this name.
    """
    if only in (None, EVERY):
        return comparisons
    names = [comparison.name for comparison in comparisons]
    if only == HEADLINE:
        return comparisons[:1]
    if only not in names:
        raise ConfigurationError(
            f"comparison {only!r} was asked for, but there are {', '.join(names)}; name one of "
            f"these, or {HEADLINE!r}"
        )
    return (comparisons[names.index(only)],)


def _crossed(*, queries_masked: bool, gallery_masked: bool) -> tuple[Comparison, ...]:
    """Of a network for images and masks, each by itself (Alqasir et al. 2020)."""
    wanted = (
        (Comparison("image", "mask"), gallery_masked),
        (Comparison("mask", "image"), queries_masked),
        (Comparison("image", "image"), True),
        (Comparison("mask", "mask"), queries_masked and gallery_masked),
    )
    return tuple(comparison for comparison, possible in wanted if possible)
