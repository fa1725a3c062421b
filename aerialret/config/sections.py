"""The sections of a pipeline file: every key, its unit, its default and what it does.

These dataclasses are the one place where a default lives: command-line options, `aerialret init`
and the pipeline files take theirs from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aerialret.config.setting import check_choices, check_range, setting
from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
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
        check_range("split.val_share", self.val_share, low=0, high=1)
        check_range("split.test_share", self.test_share, low=0, high=1)
        check_range(
            "split.val_share + split.test_share", self.val_share + self.test_share, low=0, high=1
        )
        if self.method == "file" and not self.file:
            raise ConfigurationError("split.method is 'file', but split.file names no file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The descriptor network G_W (RFIAP 2020, section 4)."""

    input: str = setting(
        "image+mask", "What the network sees.", choices=("image+mask", "image", "mask")
    )
    mask_encoding: str = setting(
        "grey", "The mask as 1 grey channel or 3 colour channels.", choices=("grey", "rgb")
    )
    fusion: str = setting(
        "trained",
        "The 1x1 fusion convolution starts from equation 4 and is trained, or stays fixed.",
        choices=("trained", "fixed"),
    )
    backbone: str = setting("resnet50", "The trunk.", choices=("resnet18", "resnet34", "resnet50"))
    trunk: str = setting(
        "layer4", "The trunk's last stage: stride 16 or 32.", choices=("layer3", "layer4")
    )
    weights: str = setting(
        "imagenet", "imagenet (torchvision's, downloaded once), none, or a state dict file."
    )
    bottleneck_stride: str = setting(
        "3x3",
        "Which convolution of a ResNet50 block strides: 3x3 as torchvision's, 1x1 as Keras's.",
        choices=("3x3", "1x1"),
    )
    head: str = setting(
        "spatial",
        "spatial: C1-C3, tanh, batch norm, fully connected; or pooling without parameters.",
        choices=("spatial", "max", "average", "gem"),
    )
    head_filters: tuple[int, ...] = setting((1024, 512, 256), "Filters of C1, C2, C3.")
    head_strides: tuple[int, ...] = setting((1, 1, 1), "Strides of C1, C2, C3.")
    head_padding: int = setting(0, "Padding of C1, C2, C3, in cells: 0 or 1.")
    head_batch_norm: bool = setting(True, "Batch normalisation after each tanh of the head.")
    dimensions: int = setting(256, "R, the length of the descriptor (spatial head only).")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("model.dimensions", self.dimensions, low=2)
        check_range("model.head_padding", self.head_padding, low=0, high=1)
        if len(self.head_filters) != len(self.head_strides):
            raise ConfigurationError(
                f"model.head_filters has {len(self.head_filters)} entries, but model.head_strides "
                f"has {len(self.head_strides)}; give one stride for each convolution"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """The siamese training (RFIAP 2020, sections 4 and 5)."""

    dates: tuple[str, ...] = setting((), "Dates to pair, query first; empty: newest and oldest.")
    epochs: int = setting(100, "Passes over the training places; 0 writes an untrained model.")
    pairs_per_batch: int = setting(12, "Positive pairs in a batch; as many negative ones.")
    distance_on: str = setting(
        "raw",
        "|G(a) - G(b)| of the network's output as it is, or of unit vectors (times the root of R), "
        "which is what the search compares.",
        choices=("raw", "unit"),
    )
    negatives: str = setting(
        "sampled",
        "sampled: one negative for each positive, as published; batch: every pair of different "
        "places in the batch; hardest: of these, the nearest for each tile.",
        choices=("sampled", "batch", "hardest"),
    )
    hard_share: float = setting(0.5, "Share of a batch drawn from the hard places, from 0 to 1.")
    mining_interval: int = setting(5, "Epochs between searches for hard places.")
    hard_below: float = setting(0.5, "A place is hard when its map@5 is below this.")
    rate_fusion: float = setting(1e-4, "Adam's rate for the fusion convolution.")
    rate_trunk: float = setting(1e-5, "Adam's rate for the trunk.")
    rate_head: float = setting(1e-4, "Adam's rate for C1-C3 and the fully connected layer.")
    rate_similarity: float = setting(1e-3, "Adam's rate for the layer on |G(a) - G(b)|.")
    rate_decay: str = setting("constant", "Rates over the epochs.", choices=("constant", "cosine"))
    weight_decay: float = setting(0.0, "Adam's weight decay.")
    frozen_stages: int = setting(
        0, "Stages of the trunk that are not trained, from the stem (1) to layer4 (5)."
    )
    trunk_batch_norm: str = setting(
        "trained",
        "Batch statistics of the trunk are trained or stay frozen.",
        choices=("trained", "frozen"),
    )
    modality_dropout: float = setting(
        0.0, "Chance that a training tile loses its image or its mask (half each), from 0 to 1."
    )
    turn_and_flip: bool = setting(False, "Turn by quarters and flip all dates of a place alike.")
    colour_jitter: float = setting(0.0, "Strength of brightness, contrast and colour changes.")
    shift_px: int = setting(0, "Random shift of each tile by up to this, in pixels.")
    validation_interval: int = setting(1, "Epochs between measurements of the validation map@5.")
    precision: str = setting(
        "auto",
        "auto: bfloat16 where the device multiplies it natively, else float32.",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str = setting(
        "auto", "auto: the GPU where there is one, else the CPU.", choices=("auto", "cpu", "cuda")
    )
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.")
    seed: int = setting(0, "Seed of weights, pairs and augmentation.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("train.epochs", self.epochs, low=0)
        check_range("train.pairs_per_batch", self.pairs_per_batch, low=2)
        check_range("train.hard_share", self.hard_share, low=0, high=1)
        check_range("train.mining_interval", self.mining_interval, low=1)
        check_range("train.validation_interval", self.validation_interval, low=1)
        check_range("train.modality_dropout", self.modality_dropout, low=0, high=1)
        check_range("train.frozen_stages", self.frozen_stages, low=0, high=5)
        check_range("train.shift_px", self.shift_px, low=0)
        check_range("train.colour_jitter", self.colour_jitter, low=0)
        if len(self.dates) not in (0, 2):
            raise ConfigurationError(f"train.dates has {len(self.dates)} entries, but takes 2")


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
    batch_size: int = setting(32, "Tiles described at once.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("index.batch_size", self.batch_size, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    """The search for one photo."""

    top: int = setting(5, "Results for each photo.")

    def __post_init__(self) -> None:
        check_range("query.top", self.top, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """The measurement of a model on a tile set."""

    queries: str = setting("", "Date of the queries; empty: the newest.")
    gallery: str = setting("", "Date of the gallery; empty: the oldest.")
    worst: int = setting(12, "Worst queries drawn in the report.")
    untrained: bool = setting(True, "Also measure the same network before training.")

    def __post_init__(self) -> None:
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
