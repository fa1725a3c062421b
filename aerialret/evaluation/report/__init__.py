"""The report: an evaluation goes in, one self-contained HTML page comes out."""

from aerialret.evaluation.report.page import render_report

__all__ = ["render_report"]
