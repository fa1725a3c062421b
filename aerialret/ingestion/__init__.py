"""From deliveries to tiles: orthophotos and vector layers of a date go into a tile set."""
