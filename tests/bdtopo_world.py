"""One square kilometre of ground as BD TOPO versions 2 and 3 describe it.

Twelve classes in a few dozen features, nothing symmetric, every trap of the specifications in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shapely import LineString, Polygon, box

from tests.geodata import LEFT, TOP

SIDE_M = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A thing on the ground, with its layer and fields in each version; no layer: not in it.

    Field names are those of the shapefiles; `bdtopo_delivery` knows those of the GeoPackage.
    """

    shape: Any
    v2: str = ""
    v3: str = ""
    v2_fields: Mapping[str, Any] = field(default_factory=dict)
    v3_fields: Mapping[str, Any] = field(default_factory=dict)


def line(*corners: tuple[float, float]) -> LineString:
    """A line through corners in metres east and south of the territory's corner."""
    return LineString([(LEFT + x, TOP - y) for x, y in corners])


def area(*corners: tuple[float, float]) -> Polygon:
    """A polygon, its corners in metres east and south of the territory's corner."""
    return Polygon([(LEFT + x, TOP - y) for x, y in corners])


def block(left: float, top: float, width: float, height: float) -> Polygon:
    """A rectangle in metres east and south of the territory's corner."""
    return box(LEFT + left, TOP - top - height, LEFT + left + width, TOP - top)


def _road(shape: Any, *, v2: Mapping[str, Any], v3: Mapping[str, Any]) -> Feature:
    own = {"LARGEUR": 0.0, "NB_VOIES": 0, "ETAT": "NR", "FICTIF": "Non", "POS_SOL": 0}
    new = {"LARGEUR": None, "NB_VOIES": None, "ETAT": "En service", "FICTIF": "Non", "POS_SOL": "0"}
    return Feature(
        shape=shape, v2="ROUTE", v3="TRONCON_DE_ROUTE",
        v2_fields={**own, "FRANCHISST": "NC", **v2}, v3_fields={**new, **v3},
    )  # fmt: skip


def _building(shape: Any, *, v2: str, v3: str) -> Feature:
    layer = "BATI_REMARQUABLE" if v2 else "BATI_INDIFFERENCIE"
    return Feature(
        shape=shape, v2=layer, v3="BATIMENT",
        v2_fields={"NATURE": v2} if v2 else {"HAUTEUR": 6},
        v3_fields={"NATURE": v3, "ETAT": "En service", "USAGE1": "Indifférencié", "LEGER": "Non"},
    )  # fmt: skip


STAR = area((700, 80), (760, 230), (610, 130), (790, 130), (640, 230))
"""Crosses itself five times."""

BUILT = block(820, 300, 60, 40)
"""A house of version 3 that version 2 does not know."""

GONE = block(560, 420, 30, 70)
"""A church of version 2 that is gone in version 3."""

CHANGED = (BUILT, GONE)

COMMUNE = area((0, 0), (1000, 0), (1000, 930), (620, 980), (0, 980))
"""Where the vectors are complete: not in the southern rim."""

ROADS = (
    _road(line((20, 40), (480, 130)), v2={"NATURE": "Route à 1 chaussée", "LARGEUR": 6.0},
          v3={"NATURE": "Route à 1 chaussée", "LARGEUR": 6.0}),
    _road(line((20, 160), (480, 300)), v2={"NATURE": "Autoroute"},
          v3={"NATURE": "Type autoroutier"}),
    _road(line((20, 200), (300, 340)), v2={"NATURE": "Route à 1 chaussée", "NB_VOIES": 3},
          v3={"NATURE": "Route à 1 chaussée", "LARGEUR": 0.0, "NB_VOIES": 3}),
    _road(line((20, 320), (200, 360), (260, 460)), v2={"NATURE": "Chemin"},
          v3={"NATURE": "Chemin"}),
    _road(line((20, 480), (240, 500)), v2={"NATURE": "Route empierrée", "POS_SOL": 1},
          v3={"NATURE": "Route empierrée", "POS_SOL": "1", "LARGEUR": 0.0}),
    _road(line((20, 530), (240, 545)), v2={"NATURE": "Sentier", "POS_SOL": 0},
          v3={"NATURE": "Sentier", "POS_SOL": "Gué ou radier"}),
)  # fmt: skip

FERRY = _road(
    line((300, 20), (470, 60)), v2={"NATURE": "Bac auto", "LARGEUR": 12.0},
    v3={"NATURE": "Bac ou liaison maritime", "LARGEUR": 12.0},
)  # fmt: skip
TUNNEL = _road(
    line((300, 160), (300, 280)), v2={"NATURE": "Chemin", "LARGEUR": 9.0, "FRANCHISST": "Tunnel"},
    v3={"NATURE": "Chemin", "LARGEUR": 9.0, "POS_SOL": "-1"},
)  # fmt: skip
CELLAR = _road(
    line((340, 160), (340, 180)), v2={"NATURE": "Chemin", "LARGEUR": 9.0, "POS_SOL": -1},
    v3={"NATURE": "Chemin", "LARGEUR": 9.0, "POS_SOL": "-2"},
)  # fmt: skip
PLANNED = _road(
    line((380, 330), (480, 380)), v2={"NATURE": "Chemin", "LARGEUR": 9.0, "ETAT": "En projet"},
    v3={"NATURE": "Chemin", "LARGEUR": 9.0, "ETAT": "En projet"},
)  # fmt: skip
BUILDING_SITE = _road(
    line((380, 390), (480, 440)),
    v2={"NATURE": "Chemin", "LARGEUR": 9.0, "ETAT": "En construction"},
    v3={"NATURE": "Chemin", "LARGEUR": 9.0, "ETAT": "En construction"},
)
FICTITIOUS = _road(
    line((280, 390), (360, 490)), v2={"NATURE": "Chemin", "LARGEUR": 9.0, "FICTIF": "Oui"},
    v3={"NATURE": "Chemin", "LARGEUR": 9.0, "FICTIF": "Oui"},
)  # fmt: skip

NOT_ON_THE_GROUND = {
    "ferry": (FERRY,), "underground": (TUNNEL, CELLAR), "planned": (PLANNED,),
    "under construction": (BUILDING_SITE,), "fictitious": (FICTITIOUS,),
}  # fmt: skip

IGLOO = _building(block(520, 330, 33, 14), v2="Igloo", v3="Igloo")
"""A kind of building that no specification knows."""

BUILDINGS = (
    _building(block(520, 40, 45, 25), v2="", v3="Indifférenciée"),
    _building(block(520, 90, 30, 60), v2="", v3="Serre"),
    _building(STAR, v2="Monument", v3="Monument"),
    _building(block(520, 260, 40, 22), v2="Eglise", v3="Église"),
    _building(block(580, 260, 18, 30), v2="Chapelle", v3="Chapelle"),
    _building(block(620, 260, 16, 16), v2="Tour, donjon, moulin", v3="Tour, donjon"),
    _building(block(650, 260, 12, 20), v2="Tour, donjon, moulin", v3="Moulin à vent"),
    _building(block(680, 260, 40, 18), v2="Fort, blockhaus, casemate",
              v3="Fort, blockhaus, casemate"),
    _building(block(740, 260, 26, 48), v2="Château", v3="Château"),
    IGLOO,
    Feature(shape=block(600, 330, 90, 40), v2="BATI_INDUSTRIEL", v3="BATIMENT",
            v2_fields={"NATURE": "Bâtiment industriel"},
            v3_fields={"NATURE": "Industriel, agricole ou commercial"}),
    Feature(shape=BUILT, v3="BATIMENT", v3_fields={"NATURE": "Indifférenciée"}),
    Feature(shape=GONE, v2="BATI_REMARQUABLE", v2_fields={"NATURE": "Bâtiment religieux divers"}),
)  # fmt: skip

LAKE = area((60, 600), (330, 640), (290, 800), (120, 770))
WATER = (
    Feature(shape=LAKE, v2="SURFACE_EAU", v3="SURFACE_HYDROGRAPHIQUE",
            v2_fields={"NATURE": "Surface d'eau"},
            v3_fields={"NATURE": "Écoulement naturel", "POS_SOL": "0", "FICTIF": "Non"}),
    Feature(shape=block(380, 620, 40, 20), v2="SURFACE_EAU", v3="SURFACE_HYDROGRAPHIQUE",
            v2_fields={"NATURE": "Bassin"}, v3_fields={"NATURE": "Réservoir-bassin"}),
)  # fmt: skip

DROPPED_WATER = {
    "in a pipe": Feature(shape=block(380, 660, 30, 15), v3="SURFACE_HYDROGRAPHIQUE",
                         v3_fields={"NATURE": "Conduit buse"}),
    "ice": Feature(shape=block(380, 690, 30, 15), v3="SURFACE_HYDROGRAPHIQUE",
                   v3_fields={"NATURE": "Glacier névé"}),
    "marsh": Feature(shape=block(380, 720, 30, 15), v3="SURFACE_HYDROGRAPHIQUE",
                     v3_fields={"NATURE": "Marais"}),
}  # fmt: skip

LAND = (
    Feature(shape=block(520, 560, 100, 64), v2="TERRAIN_SPORT", v3="TERRAIN_DE_SPORT",
            v2_fields={"NATURE": "Indifférencié"}, v3_fields={"NATURE": "Grand terrain de sport"}),
    Feature(shape=block(640, 560, 50, 80), v2="CIMETIERE", v3="CIMETIERE",
            v3_fields={"NATURE": "Civil"}),
    Feature(shape=area((700, 400), (990, 430), (960, 700), (720, 640)), v2="ZONE_VEGETATION",
            v3="ZONE_DE_VEGETATION", v2_fields={"NATURE": "Zone arborée"},
            v3_fields={"NATURE": "Forêt fermée de feuillus"}),
    Feature(shape=area((440, 860), (940, 740), (945, 765), (445, 885)), v2="PISTE_AERODROME",
            v3="PISTE_D_AERODROME", v2_fields={"NATURE": "Piste en dur"},
            v3_fields={"NATURE": "Piste en dur"}),
    Feature(shape=line((20, 930), (400, 840), (500, 560), (505, 20)), v2="TRONCON_VOIE_FERREE",
            v3="TRONCON_DE_VOIE_FERREE",
            v2_fields={"NATURE": "Principale", "LARGEUR": "Normale", "NB_VOIES": 2, "POS_SOL": 0},
            v3_fields={"NATURE": "Voie ferrée principale", "LARGEUR": "Normale", "NB_VOIES": 2,
                       "POS_SOL": "0"}),
    Feature(shape=COMMUNE, v2="COMMUNE", v3="COMMUNE", v2_fields={"NOM": "Là"},
            v3_fields={"NOM": "Là"}),
)  # fmt: skip

NO_GROUND = {
    "PLAN_D_EAU": Feature(shape=block(340, 560, 90, 200), v3="PLAN_D_EAU",
                          v3_fields={"NATURE": "Lac"}),
    "HAIE": Feature(shape=line((800, 40), (980, 240)), v3="HAIE", v3_fields={"NATURE": "Haie"}),
    "AERODROME": Feature(shape=block(420, 720, 560, 200), v3="AERODROME",
                         v3_fields={"NATURE": "Aérodrome"}),
    "TRONCON_HYDROGRAPHIQUE": Feature(
        shape=line((30, 830), (420, 500)), v3="TRONCON_HYDROGRAPHIQUE",
        v3_fields={"NATURE": "Ecoulement naturel", "FICTIF": "Non"}),
    "SURFACE_ROUTE": Feature(shape=block(860, 100, 80, 50), v2="SURFACE_ROUTE",
                             v2_fields={"NATURE": "Parking"}),
    "CONSTRUCTION_LEGERE": Feature(shape=block(860, 180, 20, 30), v2="CONSTRUCTION_LEGERE",
                                   v2_fields={"HAUTEUR": 3}),
}  # fmt: skip
"""Layers that repeat others, or that the other version lacks: off by default."""

WORLD = (
    *ROADS, *(item for items in NOT_ON_THE_GROUND.values() for item in items), *BUILDINGS, *WATER,
    *DROPPED_WATER.values(), *LAND, *NO_GROUND.values(),
)  # fmt: skip
