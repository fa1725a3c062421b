"""What a model was made from: its manifest and the card's facts go in, a section comes out."""

from typing import Any

import pyproj

from aerialret.manifest import Manifest
from aerialret.network.importing.matching import by_stage
from aerialret.network.model_card.facts import CardFacts
from aerialret.network.model_card.tables import facts_table, table
from aerialret.tiles.grid import Bounds, Grid

_LONG = 40  # characters of a CRS: a WKT is told by its name
_ORDER = ("train", "val", "test", "buffer")


def data_section(manifest: Manifest, facts: CardFacts, *, grid: Grid, extent: Bounds | None) -> str:
    """Where the weights came from, and which places they were trained on."""
    if "import" in manifest.facts:
        return _imported(manifest.facts["import"])
    dates = manifest.facts.get("dates", {})
    told = facts_table(
        [
            ("Tile set", f"SHA-256 `{manifest.parents.get('tile_set', 'unknown')}`"),
            ("Dates", f"{dates['query']} asked, {dates['gallery']} searched" if dates else ""),
            ("CRS", _crs(grid.crs)),
            ("Extent", _extent(extent)),
            ("Places", _places(manifest.facts.get("places", {}))),
            ("Split", _split(manifest.configuration.get("split", {}))),
        ]
    )
    return f"## Training data\n\n{told}" + (f"\n\n{_sources(facts)}" if facts.sources else "")


def _imported(facts: dict[str, Any]) -> str:
    stages = ", ".join(f"{stage} {n}" for stage, n in by_stage(facts["loaded"]).items())
    told = facts_table(
        [
            ("Source", f"{facts['source']}, SHA-256 of its tensors `{facts['sha256']}`"),
            ("Loaded", f"{len(facts['loaded'])} tensors: {stages}"),
            ("Missing", _some(facts["missing"], "initial values")),
            ("Wrong shape", _some([odd["name"] for odd in facts["wrong_shape"]], "initial values")),
            ("Unused", _some(facts["unused"], "of the source")),
        ]
    )
    return f"## Where the weights come from\n\n{told}"


def _some(names: list[str], remark: str, *, shown: int = 3) -> str:
    """The first names, and how many there are; empty for none."""
    if not names:
        return ""
    more = ", ..." if len(names) > shown else ""
    return f"{len(names)} tensors ({remark}): {', '.join(names[:shown])}{more}"


def _crs(text: str) -> str:
    return text if len(text) <= _LONG else str(pyproj.CRS.from_user_input(text).name)


def _extent(extent: Bounds | None) -> str:
    if extent is None:
        return ""
    return (
        f"x {extent.left:.0f} to {extent.right:.0f}, y {extent.bottom:.0f} to {extent.top:.0f} "
        f"({extent.width / 1000:.3g} x {extent.height / 1000:.3g} km)"
    )


def _places(counts: dict[str, int]) -> str:
    names = [name for name in _ORDER if name in counts]
    names += sorted(set(counts) - set(names))
    return ", ".join(f"{name} {counts[name]:,}" for name in names)


def _split(config: dict[str, Any]) -> str:
    if config.get("method") == "file":
        return "by a file"
    if config.get("method") != "blocks":
        return ""
    return (
        f"by blocks of {config['block_tiles']} tiles, buffer {config['buffer_tiles']}, "
        f"seed {config['seed']}"
    )


def _sources(facts: CardFacts) -> str:
    rows = [
        (
            one.date,
            f"{one.tiles:,}",
            f"{one.orthophotos:,}" if one.orthophotos else "-",
            ", ".join(one.layers) or "-",
            one.edition or "-",
        )
        for one in facts.sources
    ]
    return table(("date", "tiles", "orthophotos", "vector layers", "edition"), rows)
