"""STAC: a catalogue, an area and a date go in, raster files with their days come out."""
