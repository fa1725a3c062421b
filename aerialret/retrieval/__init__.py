"""From descriptors to ranked places: the index on disk, the search, its scores."""
