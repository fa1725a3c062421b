"""Index recipes: in goes a TOML file, out comes which index to build and how to search it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from aerialret.config.setting import check_choices, check_range, setting
from aerialret.config.toml import parse_section
from aerialret.errors import ConfigurationError, MissingInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How vectors are indexed and searched."""

    engine: str = setting(
        "faiss",
        "faiss: dense vectors; inverted-file: a list of tiles for each visual word (bow-sift); "
        "grid: cells that photos are laid over, which models of the head grid always take.",
        choices=("faiss", "inverted-file", "grid"),
    )
    factory: str = setting("Flat", "FAISS factory string; faiss only.")
    metric: str = setting(
        "inner_product",
        "What is compared: of unit vectors, the inner product is the cosine similarity.",
        choices=("inner_product",),
    )
    recall_floor: float = setting(
        1.0, "Share of the exact nearest neighbours that the index must return, from 0 to 1."
    )
    nprobe: int = setting(0, "Lists that a FAISS IVF index looks into; 0 leaves FAISS's default.")
    ef_search: int = setting(0, "Candidates that an HNSW graph keeps; 0 leaves FAISS's default.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("recall_floor", self.recall_floor, low=0, high=1)
        check_range("nprobe", self.nprobe, low=0)
        check_range("ef_search", self.ef_search, low=0)
        if not self.factory:
            raise ConfigurationError("factory is empty, but must be a FAISS factory string: 'Flat'")
        if self.engine != "faiss" and (self.factory != "Flat" or self.nprobe or self.ef_search):
            raise ConfigurationError(
                f"factory, nprobe and ef_search are FAISS's, but engine is {self.engine!r}; remove "
                "them or set engine = 'faiss'"
            )


def read_recipe(path: Path) -> Recipe:
    """The recipe in the TOML file `path` (see `aerialret.recipes.find_recipe`).

    Raises:
        MissingInputError: There is no such file.
        ConfigurationError: It is not TOML, or a key or value is not legal.
    """
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise MissingInputError(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    return parse_section(Recipe, content, origin=str(path))
