"""What a comparison's folder holds: the folder goes in, its runs and how far each is come out.

A comparison has no manifest: it grows run by run, and each run's model has its own.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aerialret.errors import NotAnArtefactError
from aerialret.manifest import MANIFEST_NAME, read_manifest

RUNS_FOLDER = "runs"
MODEL_FOLDER = "model"
"""Of a run."""

_SEED = "-seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How far one run is.

    Attributes:
        method: Its name in the tables.
        seed: Of its training.
        trained: Whether its model is there.
        measured: The protocols that it was measured under.
    """

    method: str
    seed: int
    trained: bool
    measured: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a comparison's folder holds.

    Attributes:
        runs: In the order of their folders' names.
        tables: Names of the files beside them.
    """

    runs: tuple[RunState, ...]
    tables: tuple[str, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have a run."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols that any run was measured under."""
        return tuple(sorted({name for run in self.runs for name in run.measured}))

    @property
    def done(self) -> int:
        """Runs that were measured under all of these."""
        wanted = set(self.protocols)
        return sum(run.trained and bool(wanted) and {*run.measured} == wanted for run in self.runs)

    def to_plain(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {
            "kind": "comparison",
            "methods": self.methods,
            "protocols": self.protocols,
            "done": self.done,
            "runs": [asdict(run) for run in self.runs],
            "tables": self.tables,
        }

    def line(self) -> str:
        """The same for a person: `2 methods (gem, hog) under aligned, hard: 3 of 4 runs done`."""
        count = len(self.methods)
        names = f" ({', '.join(self.methods)})" if count else ""
        under = f" under {', '.join(self.protocols)}" if self.protocols else ""
        runs = f"{self.done} of {len(self.runs)} run{'' if len(self.runs) == 1 else 's'} done"
        return f"{count} method{'' if count == 1 else 's'}{names}{under}: {runs}"


def is_comparison(folder: Path) -> bool:
    """Whether a folder is no artefact, but holds runs of a comparison."""
    return not (folder / MANIFEST_NAME).exists() and bool(run_folders(folder))


def contents(folder: Path) -> Contents:
    """What the comparison `folder` holds."""
    runs = [run_state(path) for path in run_folders(folder)]
    tables = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    return Contents(runs=tuple(runs), tables=tuple(name for name in tables if name[0] != "."))


def run_folders(folder: Path) -> list[Path]:
    """The folders of a comparison's runs, in the order of their names."""
    found = sorted((folder / RUNS_FOLDER).glob(f"*{_SEED}*"))
    return [path for path in found if path.is_dir() and _seed(path).isdigit()]


def run_state(folder: Path) -> RunState:
    """How far the run in `folder` is."""
    return RunState(
        method=folder.name.removesuffix(_SEED + _seed(folder)),
        seed=int(_seed(folder)),
        trained=_is_model(folder / MODEL_FOLDER),
        measured=tuple(_measured(folder)),
    )


def _seed(folder: Path) -> str:
    return folder.name.rpartition(_SEED)[2]


def _is_model(folder: Path) -> bool:
    try:
        read_manifest(folder, kind="model")
    except NotAnArtefactError:
        return False
    return True


def _measured(folder: Path) -> Iterator[str]:
    """The protocols whose table and facts are there."""
    for path in sorted(folder.glob("*.json")):
        try:
            json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        if path.with_suffix(".parquet").is_file():
            yield path.stem
