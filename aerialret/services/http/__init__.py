"""Asking politely: requests go in, checked answers that are kept on disk come out."""
