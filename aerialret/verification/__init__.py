"""Verification: a photo and candidates go in, those that fit it by geometry come out."""
