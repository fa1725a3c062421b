"""WFS: type names and an area go in, GeoParquet with every feature once comes out."""
