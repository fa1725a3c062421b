"""The section [train]: the loss, the batches, the rates, the augmentation."""

from dataclasses import dataclass

from aerialret.config.setting import check_choices, check_range, setting
from aerialret.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """The training; the defaults are RFIAP's siamese (RFIAP 2020, sections 4 and 5)."""

    dates: tuple[str, ...] = setting((), "Dates to pair, query first; empty: newest and oldest.")
    epochs: int = setting(100, "Passes over the training places; 0 writes an untrained model.")
    loss: str = setting(
        "bce",
        "bce: binary cross-entropy on |G(a) - G(b)| (the siamese); contrastive; triplet; "
        "hierarchical-triplet; proxy-nca; softtriple; multi-similarity; ntxent.",
        choices=(
            "bce", "contrastive", "triplet", "hierarchical-triplet", "proxy-nca", "softtriple",
            "multi-similarity", "ntxent",
        ),
    )  # fmt: skip
    margin: float = setting(
        0.2, "Margin of contrastive, triplet and hierarchical-triplet, in the unit of distance_on."
    )
    temperature: float = setting(0.05, "Temperature of ntxent: similarities are divided by it.")
    miner: str = setting(
        "semi-hard",
        "Which triplets: random, semi-hard, hard, or all; multi-similarity and the proxies have "
        "their own.",
        choices=("random", "semi-hard", "hard", "all"),
    )
    centres: int = setting(2, "Centres of a place, for softtriple.")
    memory: int = setting(0, "Descriptors of past batches kept as further negatives.")
    pairs_per_batch: int = setting(12, "Positive pairs in a batch; as many negative ones.")
    accumulate: int = setting(1, "Batches whose gradients are added up before a step.")
    batches: str = setting(
        "random",
        "Which places meet in a batch: random; alike: groups of places with similar descriptors, "
        "by the tree of classes; clusters: places of one cluster (divide and conquer).",
        choices=("random", "alike", "clusters"),
    )
    clusters: int = setting(
        4, "Clusters of the descriptors, each with its own slice of R as learner."
    )
    distance_on: str = setting(
        "raw",
        "Losses see the network's output as it is, or unit vectors (bce: times the root of R), "
        "which is what the search compares.",
        choices=("raw", "unit"),
    )
    negatives: str = setting(
        "sampled",
        "Of bce and contrastive. sampled (of bce, else as batch): one for each positive, "
        "as published; batch: every pair of different places; hardest: the nearest for each tile.",
        choices=("sampled", "batch", "hardest"),
    )
    hard_share: float = setting(0.5, "Share of a batch drawn from the hard places, from 0 to 1.")
    mining_interval: int = setting(
        5, "Epochs between searches for hard places, similar places and clusters."
    )
    hard_below: float = setting(0.5, "A place is hard when its map@5 is below this.")
    schedule: str = setting(
        "joint",
        "joint: everything in every epoch; alternate: the spatial transformer alone in every other "
        "epoch (GetNet); divide-and-conquer: clusters, and everything together in the last third.",
        choices=("joint", "alternate", "divide-and-conquer"),
    )
    rate_fusion: float = setting(1e-4, "Adam's rate for the fusion convolution.")
    rate_transformer: float = setting(1e-4, "Adam's rate for the spatial transformer.")
    rate_trunk: float = setting(1e-5, "Adam's rate for the trunk.")
    rate_head: float = setting(1e-4, "Adam's rate for C1-C3 and the fully connected layer.")
    rate_similarity: float = setting(1e-3, "Adam's rate for the layer on |G(a) - G(b)|.")
    rate_proxies: float = setting(1e-2, "Adam's rate for the proxies and centres of places.")
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
    turn_deg: float = setting(
        0.0, "Random turn of each tile by up to this, each date for itself, in degrees to 180."
    )
    crop: float = setting(
        1.0, "Least side of the window that the query's date is cut to, as a share of the tile."
    )
    window: str = setting(
        "query",
        "query: the query's date alone is cut to a window; both: both dates show one window, at "
        "any turn, which turn_deg, zoom and shift_px displace a little for each.",
        choices=("query", "both"),
    )
    zoom: float = setting(1.0, "Random scale of each tile, from 1 / zoom to zoom.")
    grey_share: float = setting(0.0, "Share of tiles made grey, blurred, faded and grainy.")
    keep: str = setting(
        "best",
        "Which epoch becomes the model: best, by the validation map@5 (of whole tiles), or last.",
        choices=("best", "last"),
    )
    validation_interval: int = setting(1, "Epochs between measurements of the validation map@5.")
    precision: str = setting(
        "auto",
        "auto: bfloat16 where the device multiplies it natively, else float32.",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str = setting(
        "auto", "auto: the GPU where there is one, else the CPU.", choices=("auto", "cpu", "cuda")
    )
    compile: bool = setting(False, "Compile the network with torch.compile first.")
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.")
    seed: int = setting(0, "Seed of weights, pairs and augmentation.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("train.epochs", self.epochs, low=0)
        check_range("train.margin", self.margin, low=0)
        check_range("train.temperature", self.temperature, low=1e-6)
        check_range("train.centres", self.centres, low=1)
        check_range("train.memory", self.memory, low=0)
        check_range("train.pairs_per_batch", self.pairs_per_batch, low=2)
        check_range("train.accumulate", self.accumulate, low=1)
        check_range("train.clusters", self.clusters, low=1)
        check_range("train.hard_share", self.hard_share, low=0, high=1)
        check_range("train.mining_interval", self.mining_interval, low=1)
        check_range("train.validation_interval", self.validation_interval, low=1)
        check_range("train.modality_dropout", self.modality_dropout, low=0, high=1)
        check_range("train.frozen_stages", self.frozen_stages, low=0, high=5)
        check_range("train.shift_px", self.shift_px, low=0)
        check_range("train.turn_deg", self.turn_deg, low=0, high=180)
        check_range("train.crop", self.crop, low=0.1, high=1)
        check_range("train.zoom", self.zoom, low=1, high=4)
        check_range("train.grey_share", self.grey_share, low=0, high=1)
        check_range("train.colour_jitter", self.colour_jitter, low=0)
        check_range("train.hard_below", self.hard_below, low=0, high=1)
        check_range("train.weight_decay", self.weight_decay, low=0)
        check_range("train.threads", self.threads, low=0)
        check_range("train.seed", self.seed, low=0)
        for part in ("fusion", "transformer", "trunk", "head", "similarity", "proxies"):
            check_range(f"train.rate_{part}", getattr(self, f"rate_{part}"), low=0, high=1)
        if len(self.dates) not in (0, 2):
            raise ConfigurationError(f"train.dates has {len(self.dates)} entries, but takes 2")

    @property
    def displaces(self) -> bool:
        """Whether the augmentation turns, scales or cuts tiles."""
        return self.turn_deg > 0 or self.crop < 1 or self.zoom > 1 or self.window == "both"
