"""A territory on disk: in goes a config, out come orthophotos and vector layers of two dates."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from aerialret.atomic import publish_folder, staging_folder, write_text
from aerialret.errors import WouldOverwriteError
from aerialret.territory import delivery
from aerialret.territory.config import DATES, EARLY, LATE, Delivery, TerritoryConfig
from aerialret.territory.early import early_world
from aerialret.territory.late import late_world
from aerialret.territory.ortho import ortho_folder, write_orthophotos
from aerialret.territory.scene import Scene, make_scene
from aerialret.territory.world import World

CONFIG_NAME = "territory.json"


def make_territory(
    folder: Path, config: TerritoryConfig, *, progress: Callable[[str], None] | None = None
) -> Delivery:
    """Makes a territory in `folder`, or finds it there.

    The same config gives the same bytes. A killed run goes on where it stopped.

    Args:
        folder: Where the territory goes; it may not hold anything else.
        config: Size, place and seed.
        progress: Told in a few words what is being done.

    Raises:
        WouldOverwriteError: `folder` holds something else.
    """
    if _is_made(folder, config):
        return _delivery(folder, config)
    staging = staging_folder(folder)
    if not _holds(staging, config):
        # A run of another config was killed here; staging folders belong to the program.
        shutil.rmtree(staging, ignore_errors=True)
        write_text(staging / CONFIG_NAME, config.to_json())
    _fill(staging, config, progress or _silent)
    publish_folder(staging, folder)
    return _delivery(folder, config)


def _is_made(folder: Path, config: TerritoryConfig) -> bool:
    """Whether `folder` is the territory of `config`; if it is anything else, an error."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if _holds(folder, config):
        return True
    what = (
        "another territory"
        if (folder / CONFIG_NAME).is_file()
        else "something else than a territory"
    )
    raise WouldOverwriteError(
        f"a territory is asked for in {folder}, but {what} is there; "
        "choose another folder or remove that one"
    )


def _holds(folder: Path, config: TerritoryConfig) -> bool:
    there = folder / CONFIG_NAME
    return there.is_file() and there.read_text(encoding="utf-8") == config.to_json()


def _fill(staging: Path, config: TerritoryConfig, progress: Callable[[str], None]) -> None:
    """Writes what is missing; worlds are made only if something needs them."""

    @cache
    def early() -> World:
        progress(f"world of {EARLY}")
        return early_world(config)

    @cache
    def late() -> World:
        before = early()
        progress(f"world of {LATE}")
        return late_world(config, before)

    paths = _delivery(staging, config)
    for date, world, write in (
        (EARLY, early, delivery.write_v2),
        (LATE, late, delivery.write_v3),
    ):
        if not paths.vectors[date].exists():
            progress(f"vector layers of {date}")
            write(config, world(), paths.vectors[date])

        def scene(date: str = date, world: Callable[[], World] = world) -> Scene:
            return make_scene(config, world(), date=date)

        write_orthophotos(config, scene, paths.ortho[date], date=date, progress=progress)


def _delivery(folder: Path, config: TerritoryConfig) -> Delivery:
    return Delivery(
        ortho={date: folder / "orthophotos" / ortho_folder(config, date=date) for date in DATES},
        vectors={
            EARLY: folder / "vectors" / delivery.FOLDER_V2,
            LATE: folder / "vectors" / delivery.FOLDER_V3,
        },
        config=config,
    )


def _silent(message: str) -> None:
    """Says nothing."""
