"""BD TOPO v3: in goes a world, out come its GeoPackage layers with their attributes."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.digitise import Operator, drawn_lines, drawn_polygons, surveyed
from aerialret.territory.features import Features, concatenate, table, touching
from aerialret.territory.layers_v2 import Layers, numbered
from aerialret.territory.phantoms import culverts, phantom_roads
from aerialret.territory.widths import recorded_widths
from aerialret.territory.world import World

ROADS = {
    "motorway": "Type autoroutier",
    "dual": "Route à 2 chaussées",
    "main": "Route à 1 chaussée",
    "road": "Route à 1 chaussée",
    "street": "Route à 1 chaussée",
    "lane": "Route à 1 chaussée",
    "roundabout": "Rond-point",
    "ramp": "Bretelle",
    "gravel": "Route empierrée",
    "track": "Chemin",
}
WIDTH_UNKNOWN = {"track": 0.8, "gravel": 0.6, "lane": 0.3, "street": 0.26, "": 0.04}
BUILDINGS = {
    "church": ("Eglise", "Religieux"),
    "chapel": ("Chapelle", "Religieux"),
    "castle": ("Château", "Indifférencié"),
    "tower": ("Tour, donjon", "Indifférencié"),
    "fort": ("Fort, blockhaus, casemate", "Indifférencié"),
    "blockhouse": ("Fort, blockhaus, casemate", "Indifférencié"),
    "industrial": ("Industriel, agricole ou commercial", "Industriel"),
    "farm": ("Industriel, agricole ou commercial", "Agricole"),
    "house": ("Indifférenciée", "Résidentiel"),
    "urban": ("Indifférenciée", "Résidentiel"),
    "annex": ("Indifférenciée", "Annexe"),
    "town hall": ("Indifférenciée", "Indifférencié"),
}
VEGETATION = {
    "broadleaf": "Forêt fermée de feuillus",
    "conifer": "Forêt fermée de conifères",
    "mixed": "Forêt fermée mixte",
    "open": "Forêt ouverte",
    "copse": "Bois",
    "riverside": "Bois",
    "hedge": "Haie",
    "orchard": "Verger",
    "poplar": "Peupleraie",
}
MISSED_ROADS = {"path": 1.0, "track": 0.02}
MISSED = {"house": 0.005, "annex": 0.05}
MISSED_GREEN = {"hedge": 0.15, "copse": 0.03, "riverside": 0.06, "orchard": 0.05}


def layers_v3(config: TerritoryConfig, world: World, operator: Operator) -> Layers:
    """Layer name -> features with the columns of the delivery."""
    layers = {
        "batiment": _buildings(world, operator),
        "cimetiere": _cemeteries(world, operator),
        "commune": _communes(world),
        "piste_d_aerodrome": _runways(world, operator),
        "surface_hydrographique": _water(config, world, operator),
        "terrain_de_sport": _sport(world, operator),
        "troncon_de_route": _roads(config, world, operator),
        "troncon_de_voie_ferree": _rail(world, operator),
        "zone_de_vegetation": _vegetation(world, operator),
    }
    return {name: rows for name, rows in layers.items() if len(rows)}


def _roads(config: TerritoryConfig, world: World, operator: Operator) -> Features:
    rows = surveyed(world.roads, operator, layer="route", omitted=MISSED_ROADS)
    rows = drawn_lines(phantom_roads(config, rows, operator), operator)
    bridge = touching(shapely.force_2d(rows.geometry), world.water.kind("river").geometry)
    level = np.where(rows["level"] == 0, bridge.astype(int), rows["level"])
    planned = rows["state"] == "planned"
    width = recorded_widths(rows, operator, unknown=WIDTH_UNKNOWN, unknown_value=np.nan)
    return _layer(
        rows,
        "TRONROUT",
        nature=_named(rows["kind"], ROADS),
        largeur_de_chaussee=width,
        nombre_de_voies=rows["lanes"].astype(np.int32),
        position_par_rapport_au_sol=level.astype("U2"),
        etat_de_l_objet=np.where(planned, "En projet", "En service"),
        fictif=rows["fictive"].astype(bool),
    )


def _rail(world: World, operator: Operator) -> Features:
    rows = drawn_lines(world.rail, operator, longest_m=900)
    natures = {"main line": "Voie ferrée principale", "siding": "Sans objet"}
    return _layer(
        rows,
        "TRONFERR",
        nature=_named(rows["kind"], natures),
        nombre_de_voies=rows["tracks"].astype(np.int32),
        largeur="Normale",
        position_par_rapport_au_sol="0",
        etat_de_l_objet="En service",
    )


def _water(config: TerritoryConfig, world: World, operator: Operator) -> Features:
    rows = drawn_polygons(
        concatenate([world.water, culverts(config, world)]), operator, layer="eau", smooth=True
    )
    natures = {"river": "Ecoulement naturel", "pond": "Plan d'eau", "culvert": "Conduit buse"}
    buried = rows["kind"] == "culvert"
    return _layer(
        rows,
        "SURF_EAU",
        nature=_named(rows["kind"], natures),
        persistance="Permanent",
        position_par_rapport_au_sol=np.where(buried, "-1", "0"),
        etat_de_l_objet="En service",
    )


def _buildings(world: World, operator: Operator) -> Features:
    rows = surveyed(world.buildings, operator, layer="batiment", omitted=MISSED)
    rows = drawn_polygons(rows, operator, layer="batiment")
    return _layer(
        rows,
        "BATIMENT",
        nature=_named(rows["kind"], {kind: names[0] for kind, names in BUILDINGS.items()}),
        usage_1=_named(rows["kind"], {kind: names[1] for kind, names in BUILDINGS.items()}),
        hauteur=np.round(rows["height_m"], 1),
        etat_de_l_objet="En service",
    )


def _vegetation(world: World, operator: Operator) -> Features:
    rows = surveyed(world.greenery, operator, layer="vegetation", omitted=MISSED_GREEN)
    rows = drawn_polygons(rows, operator, layer="vegetation", smooth=True)
    return _layer(rows, "ZONEVEGE", nature=_named(rows["kind"], VEGETATION))


def _sport(world: World, operator: Operator) -> Features:
    rows = drawn_polygons(world.grounds.sport, operator, layer="sport")
    natures = {"pitch": "Grand terrain de sport", "tennis": "Terrain de tennis"}
    return _layer(rows, "SURFSPOR", nature=_named(rows["kind"], natures))


def _cemeteries(world: World, operator: Operator) -> Features:
    rows = drawn_polygons(world.grounds.cemeteries, operator, layer="cimetiere")
    return _layer(rows, "CIMETIER", nature="Civil", etat_de_l_objet="En service")


def _runways(world: World, operator: Operator) -> Features:
    rows = drawn_polygons(world.grounds.runways, operator, layer="piste")
    natures = {"paved": "Piste en dur", "grass": "Piste en herbe"}
    return _layer(rows, "PISTAERO", nature=_named(rows["kind"], natures))


def _communes(world: World) -> Features:
    rows = world.communes
    return _layer(rows, "COMMUNE_", code_insee=rows["code"], nom_officiel=rows["name"])


def _layer(rows: Features, prefix: str, **columns: object) -> Features:
    """The delivery's rows: surfaces are multipolygons in v3."""
    shapes = rows.geometry
    if len(shapes) and shapely.get_type_id(shapes[0]) == shapely.GeometryType.POLYGON:
        shapes = np.array([shapely.MultiPolygon([shape]) for shape in shapes], object)
    return table(shapes, cleabs=numbered(prefix, len(rows)), **columns)  # type: ignore[arg-type]


def _named(kinds: NDArray[np.str_], names: dict[str, str]) -> NDArray[np.str_]:
    return np.array([names[kind] for kind in kinds], "U40")
