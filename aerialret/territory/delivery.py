"""Vector layers on disk: in go worlds, out come a tree of shapefiles and a GeoPackage."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas
import pyogrio

from aerialret.atomic import publish_folder, staging_folder
from aerialret.territory.config import CRS, EARLY, LATE, TerritoryConfig
from aerialret.territory.digitise import make_operator
from aerialret.territory.features import Features, touching
from aerialret.territory.features import geometries as as_geometries
from aerialret.territory.layers_v2 import layers_v2
from aerialret.territory.layers_v3 import layers_v3
from aerialret.territory.world import World

FOLDER_V2 = "BDTOPO_2-0_TOUSTHEMES_SHP_LAMB93_D057_2004-07-01"
FOLDER_V3 = "BDTOPO_3-0_TOUSTHEMES_GPKG_LAMB93_D057_2019-06-15"
_INSIDE_V2 = "BDTOPO/1_DONNEES_LIVRAISON_2004-07-00057/BDT_2-0_SHP_LAMB93_D057-ED042"
_INSIDE_V3 = "BDTOPO/1_DONNEES_LIVRAISON_2019-06-00057/BDT_3-0_GPKG_LAMB93_D057-ED2019-06-15"
_WRITTEN_V2 = "2004-07-01"
_WRITTEN_V3 = "2019-06-15T00:00:00.000Z"


def write_v2(config: TerritoryConfig, world: World, folder: Path) -> None:
    """Writes the first date as BD TOPO v2 shapefiles into `folder`, whole or not at all."""
    operator = make_operator(config, world.zoning.relief, edition=EARLY, coarse=True)
    layers = layers_v2(config, world, operator)
    with _published(folder) as staging:
        for name, rows in sorted(layers.items()):
            path = staging / _INSIDE_V2 / f"{name}.SHP"
            path.parent.mkdir(parents=True, exist_ok=True)
            pyogrio.write_dataframe(
                _frame(config, rows),
                path,
                driver="ESRI Shapefile",
                encoding="ISO-8859-1",
                DBF_DATE_LAST_UPDATE=_WRITTEN_V2,
            )
            for part in sorted(path.parent.glob(f"{path.stem}.*")):
                part.rename(part.with_name(part.name.upper()))


def write_v3(config: TerritoryConfig, world: World, folder: Path) -> None:
    """Writes the second date as one BD TOPO v3 GeoPackage into `folder`, whole or not at all."""
    operator = make_operator(config, world.zoning.relief, edition=LATE, coarse=False)
    layers = layers_v3(config, world, operator)
    with _published(folder) as staging, _clock_stopped():
        path = staging / _INSIDE_V3 / f"{Path(_INSIDE_V3).name}.gpkg"
        path.parent.mkdir(parents=True)
        for place, (name, rows) in enumerate(sorted(layers.items())):
            pyogrio.write_dataframe(
                _frame(config, rows),
                path,
                layer=name,
                driver="GPKG",
                append=place > 0,
                geometry_name="geometrie",
            )


def _frame(config: TerritoryConfig, rows: Features) -> geopandas.GeoDataFrame:
    """The rows that reach into the territory."""
    seen = rows.take(touching(rows.geometry, as_geometries([config.frame])))
    columns = {
        name: values.astype(object) if values.dtype.kind == "U" else values
        for name, values in seen.columns.items()
    }
    return geopandas.GeoDataFrame(columns, geometry=seen.geometry, crs=CRS)


@contextmanager
def _published(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes the name `folder` when it is complete."""
    staging = staging_folder(folder)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    yield staging
    publish_folder(staging, folder)


@contextmanager
def _clock_stopped() -> Iterator[None]:
    """Lets GDAL write a fixed date, so that the same territory is the same bytes."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _WRITTEN_V3})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
