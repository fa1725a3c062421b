"""aerialret: find the same place in aerial imagery of another year."""

__version__ = "0.1.0"
