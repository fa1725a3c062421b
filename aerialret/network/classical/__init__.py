"""Classical methods: a configuration goes in, a module that describes images without a network."""

from aerialret.config import ModelConfig
from aerialret.network.describer import Describer


def build_classical(config: ModelConfig) -> Describer:
    """The classical method that `config.method` names, without its finish.

    OpenCV and FAISS are imported only where the method needs them.
    """
    if config.method == "hog":
        from aerialret.network.classical.hog import HogDescriptor

        return HogDescriptor(config)
    if config.method == "colour-histogram":
        from aerialret.network.classical.colour_histogram import ColourHistogram

        return ColourHistogram(config)
    assert config.method == "bow-sift", config.method
    from aerialret.network.classical.bag_of_words import BagOfWords

    return BagOfWords(config)
