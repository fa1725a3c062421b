"""BD TOPO deliveries of one square kilometre, with the defects in which they circulate."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import shapely
from pyproj import Transformer

from tests.bdtopo_world import WORLD, Feature
from tests.dbf_marks import set_marks
from tests.geodata import CRS

V2_THEMES = {
    "A_RESEAU_ROUTIER": ("ROUTE", "SURFACE_ROUTE"),
    "B_VOIES_FERREES_ET_AUTRES": ("TRONCON_VOIE_FERREE",),
    "D_HYDROGRAPHIE": ("SURFACE_EAU",),
    "E_BATI": (
        "BATI_INDIFFERENCIE", "BATI_INDUSTRIEL", "BATI_REMARQUABLE", "CIMETIERE",
        "CONSTRUCTION_LEGERE", "PISTE_AERODROME", "TERRAIN_SPORT",
    ),
    "F_VEGETATION": ("ZONE_VEGETATION",),
    "H_ADMINISTRATIF": ("COMMUNE",),
}  # fmt: skip

V3_THEMES = {
    "ADMINISTRATIF": ("COMMUNE",),
    "BATI": ("BATIMENT", "CIMETIERE", "TERRAIN_DE_SPORT"),
    "HYDROGRAPHIE": ("PLAN_D_EAU", "SURFACE_HYDROGRAPHIQUE", "TRONCON_HYDROGRAPHIQUE"),
    "OCCUPATION_DU_SOL": ("HAIE", "ZONE_DE_VEGETATION"),
    "TRANSPORT": (
        "AERODROME", "PISTE_D_AERODROME", "TRONCON_DE_ROUTE", "TRONCON_DE_VOIE_FERREE",
    ),
}  # fmt: skip

V2_TREE = Path(
    "BDTOPO_2-1_TOUSTHEMES_SHP_LAMB93_D057_2004-03-26/BDTOPO/"
    "1_DONNEES_LIVRAISON_2004-04-00253/BDT_2-1_SHP_LAMB93_D057-ED041"
)
V3_TREE = Path(
    "BDTOPO_3-0_TOUSTHEMES_SHP_LAMB93_D057_2019-03-19/BDTOPO/"
    "1_DONNEES_LIVRAISON_2019-03-00260/BDT_3-0_SHP_LAMB93_D057-ED2019-03-19"
)
V3_GPKG = Path("BDT_3-5_GPKG_LAMB93_D057_ED2026-06-15/BDT_3-5_GPKG_LAMB93_D057-ED2026-06-15.gpkg")

GPKG_FIELDS = {
    "NATURE": "nature", "LARGEUR": "largeur_de_chaussee", "NB_VOIES": "nombre_de_voies",
    "POS_SOL": "position_par_rapport_au_sol", "ETAT": "etat_de_l_objet", "FICTIF": "fictif",
    "USAGE1": "usage_1", "LEGER": "construction_legere", "NOM": "nom_officiel",
}  # fmt: skip

Layers = dict[str, gpd.GeoDataFrame]


def write_v2(
    folder: Path,
    *,
    encoding: str = "cp1252",
    crs: str = CRS,
    prj: bool = True,
    world: Sequence[Feature] = WORLD,
) -> Path:
    """Version 2 as shapefiles with heights, without .cpg and code page."""
    layers = _layers(world, version=2)
    if crs != CRS:
        to_crs = Transformer.from_crs(CRS, crs, always_xy=True).transform
        for name, frame in layers.items():
            moved = shapely.transform(frame.geometry.to_numpy(), to_crs, interleaved=False)
            layers[name] = frame.set_geometry(moved).set_crs(crs, allow_override=True)
    paths = _write_shapefiles(folder / V2_TREE, layers, V2_THEMES, encoding=encoding, kind="Z")
    for path in paths:
        if not prj:
            path.with_suffix(".prj").unlink()
        if path.stem in ("ROUTE", "CIMETIERE"):
            _change_case(path)
    return folder


def write_v3(
    folder: Path, *, encoding: str = "UTF-8", world: Sequence[Feature] = WORLD, flat: bool = False
) -> Path:
    """Version 3 as shapefiles with measures, without .cpg and code page; `flat`: in one folder."""
    themes = {"": tuple(name for names in V3_THEMES.values() for name in names)}
    tree = folder if flat else folder / V3_TREE
    layers = _layers(world, version=3)
    _write_shapefiles(tree, layers, themes if flat else V3_THEMES, encoding=encoding, kind="M")
    return folder


def write_v3_gpkg(folder: Path, *, world: Sequence[Feature] = WORLD) -> Path:
    """Version 3 as one GeoPackage: other field names, booleans, multipolygons with heights."""
    path = folder / V3_GPKG
    path.parent.mkdir(parents=True)
    for name, frame in sorted(_layers(world, version=3).items()):
        frame = frame.rename(columns=GPKG_FIELDS)
        if "fictif" in frame:
            frame["fictif"] = frame["fictif"] == "Oui"
        if name == "TRONCON_DE_VOIE_FERREE":
            frame = frame.rename(columns={"largeur_de_chaussee": "largeur"})
        frame = frame.set_geometry(shapely.force_3d(frame.geometry.to_numpy(), 212.0))
        pyogrio.write_dataframe(frame, path, layer=name.lower(), promote_to_multi=True)
    return folder


def _layers(world: Sequence[Feature], *, version: int) -> Layers:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for index, feature in enumerate(world):
        name = feature.v2 if version == 2 else feature.v3
        fields = feature.v2_fields if version == 2 else feature.v3_fields
        if name:
            rows[name].append({"ID": f"F{index:04}", **fields, "geometry": feature.shape})
    return {name: gpd.GeoDataFrame(items, crs=CRS) for name, items in rows.items()}


def _write_shapefiles(
    tree: Path, layers: Layers, themes: dict[str, tuple[str, ...]], *, encoding: str, kind: str
) -> list[Path]:
    paths = []
    for theme, names in sorted(themes.items()):
        for name in names:
            if name not in layers:
                continue
            path = tree / theme / f"{name}.shp"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_shapefile(path, layers[name], encoding=encoding, kind=kind)
            paths.append(set_marks(path, cpg=None, code_page=0))
    return paths


def _write_shapefile(path: Path, frame: gpd.GeoDataFrame, *, encoding: str, kind: str) -> None:
    shapes = frame.geometry.to_numpy()
    if kind == "Z":
        frame = frame.set_geometry(shapely.force_3d(shapes, 212.0))
    stem = "ARC" if shapes[0].geom_type.endswith("LineString") else "POLYGON"
    pyogrio.write_dataframe(frame, path, encoding=encoding, layer_options={"SHPT": stem + kind})


def _change_case(path: Path) -> None:
    """ROUTE.SHP beside Cimetiere.shp: the parts of a shapefile in other letter cases."""
    for part in sorted(path.parent.glob(f"{path.stem}.*")):
        stem, suffix = (part.stem, part.suffix.upper()) if path.stem == "ROUTE" else (
            part.stem.capitalize(), part.suffix
        )  # fmt: skip
        part.rename(part.with_name(stem + suffix))
