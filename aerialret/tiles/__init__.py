"""Tiles of places: the grid, the dates, the classes, and the tile set on disk."""
