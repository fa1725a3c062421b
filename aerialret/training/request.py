"""What a training depends on: tile set and configuration go in, a claim on a folder comes out."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerialret import atomic
from aerialret.config import Pipeline, as_plain
from aerialret.errors import WouldOverwriteError
from aerialret.manifest import Manifest, hash_value
from aerialret.tiles.tileset import TileSet

_MARK = "request"

STATE_NAME = "state.pt"
"""What an unfinished training goes on from; without it, it has done nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """A training as its result depends on it.

    Attributes:
        tileset_hash: Content hash of the tile set.
        configuration: The sections model, train and split.
    """

    tileset_hash: str
    configuration: Mapping[str, Any]

    @classmethod
    def of(cls, tileset: TileSet, pipeline: Pipeline) -> "TrainingRequest":
        """The request to train on `tileset` as `pipeline` says."""
        sections = {name: as_plain(getattr(pipeline, name)) for name in ("model", "train", "split")}
        return cls(tileset_hash=tileset.content_hash, configuration=sections)

    @property
    def fingerprint(self) -> str:
        """The same for the same request."""
        return hash_value([self.tileset_hash, self.configuration])

    @property
    def lasting_fingerprint(self) -> str:
        """The same for requests that differ in the number of epochs only."""
        train = {**self.configuration["train"], "epochs": None}
        return hash_value([self.tileset_hash, {**self.configuration, "train": train}])

    def made(self, manifest: Manifest) -> bool:
        """Whether the model with this manifest is what was asked for."""
        return manifest.facts.get("request") == self.fingerprint

    def claim(self, staging: Path, *, resume: bool, replace: bool) -> Path:
        """The staging folder, with an unfinished training of this request or empty.

        Args:
            staging: The folder.
            resume: Go on even if the number of epochs was another.
            replace: Drop an unfinished training of another request.

        Raises:
            WouldOverwriteError: It holds an unfinished training of another request.
        """
        mark = staging / _MARK
        if mark.exists() and not self._continues(mark.read_text(), resume=resume):
            if not replace and (staging / STATE_NAME).exists():
                raise WouldOverwriteError(
                    f"{staging} holds an unfinished training of another tile set or "
                    "configuration; run its own command again, or pass --replace to drop it"
                )
            shutil.rmtree(staging)
        staging.mkdir(parents=True, exist_ok=True)
        atomic.write_text(mark, f"{self.fingerprint} {self.lasting_fingerprint}\n")
        return staging

    def _continues(self, marked: str, *, resume: bool) -> bool:
        fingerprint, lasting = marked.split()
        return fingerprint == self.fingerprint or (resume and lasting == self.lasting_fingerprint)
