"""What a comparison was run with: its ground and outcome go in, names and values come out."""

from dataclasses import dataclass

from aerialret.comparison.bootstrap import LEVEL
from aerialret.comparison.machine import machine
from aerialret.comparison.outcome import Outcome
from aerialret.comparison.request import CompareRequest
from aerialret.comparison.runs import Ground
from aerialret.config import SplitConfig
from aerialret.evaluation.report.wording import SCOPES
from aerialret.manifest import library_versions

_HASH_LENGTH = 16
_VERIFIED = "the first answers of each method (query.verify_top), as by 'query --verify'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What everything was compared under.

    Attributes:
        ground: What all runs share.
        split: The common split.
        request: What was asked for.
        command: The command line.
    """

    ground: Ground
    split: SplitConfig
    request: CompareRequest
    command: str


def provenance(setting: Setting, outcome: Outcome) -> list[tuple[str, str]]:
    """Name and value of everything that the figures depend on."""
    request, facts = setting.request, outcome.methods
    machines = dict.fromkeys(name for known in facts for name in known.machines) or [machine()]
    versions = facts[0].versions if facts else library_versions()
    verified = [("Verification", _VERIFIED)] if request.verify else []
    return [
        ("Tile set", _tileset(setting.ground)),
        ("Queries and gallery", _queries(setting, outcome)),
        ("Split", _split(setting.split)),
        (
            "Protocols",
            f"{', '.join(setting.ground.protocols)}; seed {setting.ground.protocol_seed}",
        ),
        *verified,
        ("Training", f"seeds {', '.join(map(str, request.seeds))}{_epochs(request)}"),
        ("Intervals", f"{LEVEL:.0%}, bootstrap of the queries, {request.resamples:,} resamples"),
        ("Machine", "; ".join(machines)),
        ("Versions", ", ".join(f"{name} {v}" for name, v in sorted(versions.items()))),
        ("Command", setting.command),
    ]


def _tileset(ground: Ground) -> str:
    grid, tileset = ground.tileset.grid, ground.tileset
    return (
        f"{tileset.folder.name}, tiles of {grid.tile_size_m:g} m and {grid.tile_px} px, "
        f"{grid.crs}, {tileset.content_hash[:_HASH_LENGTH]}"
    )


def _queries(setting: Setting, outcome: Outcome) -> str:
    dates = setting.ground.dates
    told = f"{dates.queries} among {dates.gallery}"
    if not outcome.methods:
        return told
    first = outcome.methods[0]
    queries = outcome.queries
    counted = queries.loc[queries["in_scope"], "query"].nunique()
    return (
        f"{counted:,} queries of {told}, gallery of {first.gallery:,} tiles; counted: "
        f"{SCOPES.get(first.scope, first.scope)}"
    )


def _split(split: SplitConfig) -> str:
    if split.method == "file":
        return f"from {split.file}"
    return (
        f"blocks of {split.block_tiles} tiles, {split.test_share:.0%} test, "
        f"{split.val_share:.0%} validation, buffer of {split.buffer_tiles}, seed {split.seed}"
    )


def _epochs(request: CompareRequest) -> str:
    return (
        f"; at most {request.epochs} epochs" if request.epochs else "; epochs as each recipe says"
    )
