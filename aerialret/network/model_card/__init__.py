"""Model cards: a model folder goes in, a README.md that says what the model is comes out."""

from aerialret.network.model_card.facts import CardFacts, DateSources, FigureRow, ReportFigures
from aerialret.network.model_card.licence import UNKNOWN
from aerialret.network.model_card.render import render_card
from aerialret.network.model_card.write import CARD_NAME, write_model_card

__all__ = [
    "CARD_NAME",
    "UNKNOWN",
    "CardFacts",
    "DateSources",
    "FigureRow",
    "ReportFigures",
    "render_card",
    "write_model_card",
]
