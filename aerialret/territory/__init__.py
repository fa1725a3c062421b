"""A made-up territory: in go a size and a seed, out come files as an agency would deliver them."""

from aerialret.territory.config import Delivery, TerritoryConfig
from aerialret.territory.make import make_territory

__all__ = ["Delivery", "TerritoryConfig", "make_territory"]
