"""The comparison: pipelines and a tile set go in, one table of all methods comes out."""
