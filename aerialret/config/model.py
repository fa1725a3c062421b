"""The section [model]: which method describes a tile, and how its descriptors are compared."""

from dataclasses import dataclass

from aerialret.config.setting import check_choices, check_range, setting
from aerialret.errors import ConfigurationError

WEIGHT_LIBRARIES = ("torchvision:", "timm:")
"""What `weights` begins with where it names no file."""

_STRIDE_PX = {"layer3": 16, "layer4": 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What makes descriptors: the network G_W (RFIAP 2020, section 4), or a classical method."""

    method: str = setting(
        "network",
        "network; hog: a grid of gradient histograms; colour-histogram; bow-sift: visual words.",
        choices=("network", "hog", "colour-histogram", "bow-sift"),
    )
    input: str = setting(
        "image+mask",
        "What it sees; either: image or mask, each by itself through one network.",
        choices=("image+mask", "image", "mask", "either"),
    )
    input_px: int = setting(0, "Tiles are resized to this side first; 0: as the tile set has them.")
    mask_encoding: str = setting(
        "grey", "The mask as 1 grey channel or 3 colour channels.", choices=("grey", "rgb")
    )
    fusion: str = setting(
        "trained",
        "How image and mask join: a 1x1 convolution that starts from equation 4 and is trained or "
        "stays fixed; concatenation of two descriptors; late: two searches, the better one counts.",
        choices=("trained", "fixed", "concatenation", "late"),
    )
    backbone: str = setting("resnet50", "The trunk.", choices=("resnet18", "resnet34", "resnet50"))
    trunk: str = setting(
        "layer4", "The trunk's last stage: stride 16 or 32.", choices=("layer3", "layer4")
    )
    weights: str = setting(
        "imagenet",
        "imagenet (torchvision's, downloaded once), none, a state dict file, a model folder, "
        "torchvision:NAME or timm:NAME.",
    )
    bottleneck_stride: str = setting(
        "3x3",
        "Which convolution of a ResNet50 block strides: 3x3 as torchvision's, 1x1 as Keras's.",
        choices=("3x3", "1x1"),
    )
    transformer: str = setting(
        "none",
        "getnet: a spatial transformer (scale and shift) cuts out what the trunk sees.",
        choices=("none", "getnet"),
    )
    head: str = setting(
        "spatial",
        "spatial: C1-C3, tanh, batch norm, fully connected; pooling without parameters; grid: a "
        "descriptor for each cell, which the search lays over the gallery at every position.",
        choices=("spatial", "max", "average", "gem", "grid"),
    )
    grid_channels: int = setting(64, "Learnt numbers that describe a cell of the grid.")
    grid_gradients: float = setting(
        0.0,
        "Weight of a cell's gradient histogram beside what is learnt of it, 0 to 1 (grid only).",
    )
    gallery_scales: tuple[float, ...] = setting(
        (0.42, 0.5, 0.59, 0.71, 0.84, 1.0),
        "Sides of what a photo may show, as shares of a tile's side (grid only).",
    )
    head_filters: tuple[int, ...] = setting((1024, 512, 256), "Filters of C1, C2, C3.")
    head_strides: tuple[int, ...] = setting((1, 1, 1), "Strides of C1, C2, C3.")
    head_padding: int = setting(0, "Padding of C1, C2, C3, in cells: 0 or 1.")
    head_batch_norm: bool = setting(True, "Batch normalisation after each tanh of the head.")
    head_linear: bool = setting(False, "A fully connected layer to R after a pooling.")
    dimensions: int = setting(
        256, "R, the length of the descriptor (spatial head, head_linear, whitening)."
    )
    normalisation: str = setting(
        "l2",
        "Of the network's output: none, l1, l2, or standardised by the training places.",
        choices=("none", "l1", "l2", "standardised"),
    )
    whitening: bool = setting(
        False, "Whiten the descriptors by the principal components of the training places."
    )
    distance: str = setting(
        "cosine", "What the search compares by.", choices=("cosine", "euclidean")
    )
    hog_cells: int = setting(16, "Cells on each side of the grid of gradient histograms.")
    hog_orientations: int = setting(8, "Orientations of a gradient histogram.")
    words: int = setting(2000, "Visual words of bow-sift.")

    def __post_init__(self) -> None:
        check_choices(self)
        check_range("model.input_px", self.input_px, low=0, high=4096)
        check_range("model.dimensions", self.dimensions, low=2)
        check_range("model.head_padding", self.head_padding, low=0, high=1)
        check_range("model.grid_channels", self.grid_channels, low=1)
        check_range("model.grid_gradients", self.grid_gradients, low=0, high=1)
        for share in self.gallery_scales:
            check_range("model.gallery_scales", share, low=0.05, high=1)
        if self.head == "grid" and not self.gallery_scales:
            raise ConfigurationError("model.gallery_scales is empty; give at least one, as 1.0")
        check_range("model.hog_cells", self.hog_cells, low=1)
        check_range("model.hog_orientations", self.hog_orientations, low=2)
        check_range("model.words", self.words, low=2)
        for filters, stride in zip(self.head_filters, self.head_strides, strict=False):
            check_range("model.head_filters", filters, low=1)
            check_range("model.head_strides", stride, low=1)
        if len(self.head_filters) != len(self.head_strides):
            raise ConfigurationError(
                f"model.head_filters has {len(self.head_filters)} entries, but model.head_strides "
                f"has {len(self.head_strides)}; give one stride for each convolution"
            )
        self._check_input_px()
        if self.method != "network" and self.input != "image":
            raise ConfigurationError(
                f"model.method {self.method!r} describes images; set model.input = 'image'"
            )

    @property
    def is_grid(self) -> bool:
        """Whether tiles are described cell by cell, and matched at every position."""
        return self.method == "network" and self.head == "grid"

    @property
    def joins_descriptors(self) -> bool:
        """Whether image and mask get a descriptor each, which are joined afterwards."""
        return self.input == "image+mask" and self.fusion in ("concatenation", "late")

    def _check_input_px(self) -> None:
        """Checks that no cell of what a method sees is smaller than it can be."""
        least, what = {
            "network": (_STRIDE_PX[self.trunk], f"the stride of {self.trunk}"),
            "hog": (self.hog_cells, "model.hog_cells"),
        }.get(self.method, (1, "one pixel"))
        if 0 < self.input_px < least:
            raise ConfigurationError(
                f"model.input_px is {self.input_px}, but must be at least {least}, {what}, or 0 to "
                "take tiles as they are"
            )
