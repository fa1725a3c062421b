"""From a model to a report: every tile of one date searched among those of another."""
