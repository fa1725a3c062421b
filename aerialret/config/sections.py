"""The sections of a pipeline file: every key, its unit, its default and what it does.

These dataclasses are the one place where a default lives: command-line options, `aerialret init`
and the pipeline files take theirs from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aerialret.config.model import ModelConfig
from aerialret.config.setting import check_choices, check_range, setting
from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.config.training import TrainConfig
from aerialret.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsConfig:
    """Where the artefacts lie, relative to the pipeline file."""

    tileset: str = setting("tileset", "Tile set folder, written by `aerialret ingest`.")
    model: str = setting("model", "Model folder, written by `aerialret train`.")
    index: str = setting("index", "Index folder, written by `aerialret index`.")
    report: str = setting("report", "Report folder, written by `aerialret evaluate`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """How places are divided into train, val and test: by space, never by tile."""

    method: str = setting(
        "blocks",
        "blocks of tiles drawn at random, or the rows of a file.",
        choices=("blocks", "file"),
    )
    file: str = setting(
        "", "CSV with a split column and either place, or col and row, or left and top in metres."
    )
    block_tiles: int = setting(8, "Side of a block, in tiles.")
    buffer_tiles: int = setting(
        1, "Training tiles nearer than this to a held-out tile are left out, in tiles."
    )
    val_share: float = setting(0.15, "Share of blocks for validation, from 0 to 1.")
    test_share: float = setting(0.15, "Share of blocks for test, from 0 to 1.")
    seed: int = setting(0, "Seed of the draw.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("split.block_tiles", self.block_tiles, low=1)
        check_range("split.buffer_tiles", self.buffer_tiles, low=0)
        check_range("split.seed", self.seed, low=0)
        check_range("split.val_share", self.val_share, low=0, high=1)
        check_range("split.test_share", self.test_share, low=0, high=1)
        check_range(
            "split.val_share + split.test_share", self.val_share + self.test_share, low=0, high=1
        )
        if self.method == "file" and not self.file:
            raise ConfigurationError("split.method is 'file', but split.file names no file")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """The search index."""

    recipe: str = setting(
        "index/flat.toml", "Index recipe: the FAISS factory string and its floor."
    )
    dates: tuple[str, ...] = setting((), "Dates to index; empty: the oldest.")
    modalities: str = setting(
        "auto",
        "What the gallery's descriptors are made from; auto: all that the model sees.",
        choices=("auto", "image+mask", "image", "mask"),
    )
    stride: float = setting(
        1.0,
        "Step from one window of the gallery to the next, a share of the window's side; 1: side by "
        "side, 0.5: each overlaps the next by half, for photos that lie across tiles.",
    )
    scales: tuple[float, ...] = setting(
        (1.0,),
        "Sides of the windows, shares of a tile's side: 1 is a tile, [1, 0.5] adds quarters of "
        "tiles, for photos that show less.",
    )
    batch_size: int = setting(32, "Tiles described at once.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("index.batch_size", self.batch_size, low=1)
        check_range("index.stride", self.stride, low=0.05, high=1)
        for scale in self.scales:
            check_range("index.scales", scale, low=0.05, high=4)
        if not self.scales:
            raise ConfigurationError("index.scales is empty; give at least one, as 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    """The search for one photo."""

    top: int = setting(5, "Results for each photo.")
    rotations: int = setting(
        1, "Turns of the photo that are tried, evenly over the circle; the best one counts."
    )
    rerank: str = setting(
        "none",
        "Check of the first results: none, sift (matches that agree on one similarity), or cells "
        "(a second look from nearer by; models with the head grid).",
        choices=("none", "sift", "cells"),
    )
    rerank_top: int = setting(20, "Results that are checked, or candidates for a second look.")
    verify_top: int = setting(10, "Results on which '--verify' lays the photo.")
    matcher: str = setting(
        "auto",
        "How '--verify' lays photos: sift (points), gradients (all cells at once, near where the "
        "search saw it), auto (the first that is believed), cells (points between the model's own "
        "cells), or with kornia aliked, aliked-lightglue, disk-lightglue, loftr.",
        choices=(
            "auto", "sift", "gradients", "cells", "aliked", "aliked-lightglue", "disk-lightglue",
            "loftr",
        ),
    )  # fmt: skip
    matcher_weights: str = setting(
        "", "Folder with the weights of kornia's matchers; else torch hub's cache has them."
    )
    gsd_m: float = setting(
        0.0,
        "Metres on the ground for each pixel of a plain picture, as its file has them; 0: unknown.",
    )
    photo_scale: float = setting(
        0.0,
        "Denominator of the photographs' scale, as 25000; with the dots per inch that a scan's "
        "file tells it gives query.gsd_m; 0: unknown.",
    )
    border: str = setting(
        "auto",
        "What is cut off each side of a plain picture: pixels as 40, a share of its shorter side "
        "as 5%, 0 for nothing; auto: a frame that is found.",
    )
    cuts: int = setting(
        0,
        "Squares that a plain picture is cut into, whose answers vote; 0: up to 9 where its ground "
        "resolution is known and it shows more than the index compares; 1: only its middle.",
    )

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("query.top", self.top, low=1)
        check_range("query.rotations", self.rotations, low=1, high=360)
        check_range("query.rerank_top", self.rerank_top, low=1)
        check_range("query.verify_top", self.verify_top, low=1)
        check_range("query.gsd_m", self.gsd_m, low=0)
        check_range("query.photo_scale", self.photo_scale, low=0)
        check_range("query.cuts", self.cuts, low=0, high=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPageConfig:
    """The page of `query --report`. No section of a file: nothing else depends on it."""

    photos: int = setting(100, "Photos on the page, the first of those asked about.")
    answers: int = setting(3, "Answers of each photo that are drawn; a table lists all.")
    unfolded: int = setting(5, "With more photos than this all begin folded.")
    side_px: int = setting(560, "Largest side of a picture, in pixels.")
    lines: int = setting(60, "Lines drawn between photo and map, at most.")

    def __post_init__(self) -> None:
        check_range("photos of a report", self.photos, low=1)
        check_range("answers of a report", self.answers, low=1)
        check_range("side_px of a report", self.side_px, low=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """The measurement of a model on a tile set."""

    queries: str = setting("", "Date of the queries; empty: the newest.")
    gallery: str = setting("", "Date of the gallery; empty: the oldest.")
    protocol: str = setting(
        "aligned",
        "Queries: whole tiles (aligned), or pictures cut out of them: mild, hard, grey, season.",
        choices=("aligned", "mild", "hard", "grey", "season"),
    )
    seed: int = setting(7, "Seed of the queries that are cut out of tiles.")
    places: str = setting(
        "all",
        "Whose photos are asked about: all, or held-out (test, else val: those of the headline).",
        choices=("all", "held-out"),
    )
    worst: int = setting(12, "Worst queries drawn in the report.")
    untrained: bool = setting(True, "Also measure the same network before training.")
    verify: bool = setting(
        False, "Also lay the photos on the first query.verify_top answers, as `query --verify`."
    )
    georeferenced: int = setting(
        0, "With verify, write so many located photos as GeoTIFFs and measure these files."
    )

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("evaluate.seed", self.seed, low=0)
        check_range("evaluate.georeferenced", self.georeferenced, low=0)
        if self.georeferenced and not self.verify:
            raise ConfigurationError(
                "evaluate.georeferenced asks for photos on the map, for which they must be located "
                "first; set evaluate.verify ('--verify') as well"
            )
        check_range("evaluate.worst", self.worst, low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A whole pipeline file or workspace."""

    paths: PathsConfig = field(default_factory=PathsConfig)
    grid: GridConfig = field(default_factory=GridConfig)
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    services: ServicesConfig = field(default_factory=ServicesConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    query: QueryConfig = field(default_factory=QueryConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
