"""BD TOPO v2: in goes a world, out come its shapefile layers with their attributes."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.digitise import Operator, drawn_lines, drawn_polygons, surveyed
from aerialret.territory.features import Features, table, touching
from aerialret.territory.phantoms import phantom_roads
from aerialret.territory.widths import recorded_widths
from aerialret.territory.world import World

ROADS = {
    "motorway": "Autoroute",
    "dual": "Route à 2 chaussées",
    "main": "Route à 1 chaussée",
    "road": "Route à 1 chaussée",
    "street": "Route à 1 chaussée",
    "lane": "Route à 1 chaussée",
    "roundabout": "Route à 1 chaussée",
    "ramp": "Bretelle",
    "gravel": "Route empierrée",
    "track": "Chemin",
}
WIDTH_UNKNOWN = {"track": 0.5, "gravel": 0.3, "lane": 0.12, "street": 0.12, "": 0.02}
REMARKABLE = {
    "church": "Eglise",
    "chapel": "Chapelle",
    "castle": "Château",
    "tower": "Tour, donjon, moulin",
    "fort": "Fort, blockhaus, casemate",
    "blockhouse": "Fort, blockhaus, casemate",
    "town hall": "Mairie",
}
INDUSTRIAL = {"industrial": "Bâtiment industriel", "farm": "Bâtiment agricole"}
VEGETATION = {"hedge": "Haie", "orchard": "Verger", "poplar": "Peupleraie", "copse": "Bois"}
MISSED = {"house": 0.03, "annex": 0.16, "farm": 0.04, "urban": 0.01, "industrial": 0.01}
MISSED_GREEN = {"hedge": 0.7, "copse": 0.25, "riverside": 0.3, "orchard": 0.15, "open": 0.2}
MISSED_ROADS = {"path": 1.0, "track": 0.08, "gravel": 0.04}

Layers = dict[str, Features]


def layers_v2(config: TerritoryConfig, world: World, operator: Operator) -> Layers:
    """`folder/NAME` -> features with the columns of the delivery."""
    layers = {
        "A_RESEAU_ROUTIER/ROUTE": _roads(config, world, operator),
        "B_VOIES_FERREES_ET_AUTRES/TRONCON_VOIE_FERREE": _rail(world, operator),
        "D_HYDROGRAPHIE/SURFACE_EAU": _water(world, operator),
        "F_VEGETATION/ZONE_VEGETATION": _vegetation(world, operator),
        "H_ADMINISTRATIF/COMMUNE": _communes(world),
        **{f"E_BATI/{name}": rows for name, rows in _built(world, operator).items()},
    }
    return {name: rows for name, rows in layers.items() if len(rows)}


def _roads(config: TerritoryConfig, world: World, operator: Operator) -> Features:
    rows = surveyed(world.roads, operator, layer="ROUTE", omitted=MISSED_ROADS)
    rows = drawn_lines(phantom_roads(config, rows, operator), operator)
    bridge = touching(shapely.force_2d(rows.geometry), world.water.kind("river").geometry)
    level = np.where(rows["level"] == 0, bridge.astype(int), rows["level"])
    width = recorded_widths(rows, operator, unknown=WIDTH_UNKNOWN, unknown_value=0.0)
    return table(
        rows.geometry,
        ID=numbered("TRONROUT", len(rows)),
        PREC_PLANI=1.5,
        NATURE=_named(rows["kind"], ROADS),
        LARGEUR=width,
        NB_VOIES=rows["lanes"].astype(np.int32),
        POS_SOL=level.astype(np.int32),
        FRANCHISST=np.where(level > 0, "Pont", np.where(level < 0, "Tunnel", "NC")),
        ETAT="NR",
        FICTIF=np.where(rows["fictive"], "Oui", "Non"),
    )


def _rail(world: World, operator: Operator) -> Features:
    rows = drawn_lines(world.rail, operator, longest_m=900)
    return table(
        rows.geometry,
        ID=numbered("TRON_VF_", len(rows)),
        PREC_PLANI=1.5,
        NATURE=_named(rows["kind"], {"main line": "Principale", "siding": "Voie de service"}),
        LARGEUR="Normale",
        NB_VOIES=rows["tracks"].astype(np.int32),
        POS_SOL=np.int32(0),
    )


def _water(world: World, operator: Operator) -> Features:
    rows = drawn_polygons(world.water, operator, layer="SURFACE_EAU", smooth=True)
    return table(
        rows.geometry,
        ID=numbered("SURF_EAU", len(rows)),
        PREC_PLANI=2.5,
        NATURE="Surface d'eau",
        REGIME="Permanent",
    )


def _vegetation(world: World, operator: Operator) -> Features:
    rows = surveyed(world.greenery, operator, layer="ZONE_VEGETATION", omitted=MISSED_GREEN)
    rows = drawn_polygons(rows, operator, layer="ZONE_VEGETATION", smooth=True)
    nature = _named(rows["kind"], VEGETATION, otherwise="Zone arborée")
    return table(rows.geometry, ID=numbered("ZONEVEGE", len(rows)), NATURE=nature)


def _communes(world: World) -> Features:
    rows = world.communes
    return table(
        rows.geometry,
        ID=numbered("COMMUNE_", len(rows)),
        CODE_INSEE=rows["code"],
        NOM=rows["name"],
        DEPART="MOSELLE",
    )


def _built(world: World, operator: Operator) -> Layers:
    rows = surveyed(world.buildings, operator, layer="BATI", omitted=MISSED)
    rows = drawn_polygons(rows, operator, layer="BATI")
    remarkable, industrial = (
        np.isin(rows["kind"], list(names)) for names in (REMARKABLE, INDUSTRIAL)
    )
    sport = surveyed(world.grounds.sport, operator, layer="TERRAIN_SPORT", omitted={"": 0.08})
    return {
        "BATI_REMARQUABLE": _buildings(rows.take(remarkable), "BATIREMA", REMARKABLE),
        "BATI_INDUSTRIEL": _buildings(rows.take(industrial), "BATIINDU", INDUSTRIAL),
        "BATI_INDIFFERENCIE": _buildings(rows.take(~remarkable & ~industrial), "BATIMENT", None),
        "TERRAIN_SPORT": _grounds(
            sport, operator, "TERR_SPO", {"pitch": "Indifférencié", "tennis": "Terrain de tennis"}
        ),
        "CIMETIERE": _grounds(world.grounds.cemeteries, operator, "CIMETIER", None),
        "PISTE_AERODROME": _grounds(
            world.grounds.runways, operator, "PISTAERO",
            {"paved": "Piste en dur", "grass": "Piste en herbe"},
        ),
    }  # fmt: skip


def _buildings(rows: Features, prefix: str, natures: dict[str, str] | None) -> Features:
    drawn = table(
        rows.geometry,
        ID=numbered(prefix, len(rows)),
        PREC_PLANI=1.5,
        HAUTEUR=np.round(rows["height_m"]).astype(np.int32),
    )
    return drawn.with_columns(NATURE=_named(rows["kind"], natures)) if natures else drawn


def _grounds(
    rows: Features, operator: Operator, prefix: str, natures: dict[str, str] | None
) -> Features:
    drawn = drawn_polygons(rows, operator, layer=prefix)
    out = table(drawn.geometry, ID=numbered(prefix, len(drawn)), PREC_PLANI=1.5)
    return out.with_columns(NATURE=_named(drawn["kind"], natures)) if natures else out


def numbered(prefix: str, count: int) -> NDArray[np.str_]:
    """Identifiers [n] of 24 characters, as BD TOPO has them."""
    return np.array([f"{prefix}{57_000_000 + number:016d}" for number in range(count)], "U24")


def _named(
    kinds: NDArray[np.str_], names: dict[str, str], *, otherwise: str = ""
) -> NDArray[np.str_]:
    return np.array([names.get(kind, otherwise) for kind in kinds], "U40")
