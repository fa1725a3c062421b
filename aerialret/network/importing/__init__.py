"""Weights of others: a source goes in, a filled network and a report of what fitted come out."""
