"""Orthophotos: files of any format and system go in, the pixels of any rectangle come out."""
