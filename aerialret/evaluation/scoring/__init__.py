"""Scoring: the answers of a query and the truth go in, how good they are comes out."""
