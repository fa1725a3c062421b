"""Local features: a picture goes in, points and what they look like come out.

SIFT lies with the classical methods, whose visual words are made of the same features.
"""

from aerialret.network.classical.sift import LocalFeatures, root_sift, sift_features

__all__ = ["LocalFeatures", "root_sift", "sift_features"]
