"""Tile sets in other formats: STAC, Cloud-Optimised GeoTIFF."""
