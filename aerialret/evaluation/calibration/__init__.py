"""Calibration: searches of places whose answer is known go in, what scores mean comes out."""
