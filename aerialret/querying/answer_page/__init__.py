"""The page of answers: what a query found goes in, one HTML file to look at it comes out."""

from aerialret.querying.answer_page.page import render_answer_page, write_answer_page

__all__ = ["render_answer_page", "write_answer_page"]
