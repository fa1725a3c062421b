"""The reranker of a model with cells: examples of photos laid on places go in, weights come out."""
