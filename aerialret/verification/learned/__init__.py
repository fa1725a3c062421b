"""Matchers that were learnt elsewhere: kornia's networks, where it and their weights are there."""
