"""From a tile set to a model: splits, pairs, augmentation, loss, epochs."""
