"""TensorBoard files: an epoch's figures go in, event files come out.

They tell a person how a training goes; nothing reads them again, and no hash covers them.
"""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

EVENTS_NAME = "events"


class Events:
    """The event files of one training, which a resumed run goes on writing.

    Args:
        folder: Where they are.
        first_epoch: The next epoch; what an earlier run told of it or of later ones is dropped.
    """

    def __init__(self, folder: Path, *, first_epoch: int) -> None:
        from torch.utils.tensorboard import (
            SummaryWriter,  # slow to import, and only a training does
        )

        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """The figures of an epoch by name, as `loss` or `rate/head`; what is NaN is left out."""
        for name, value in figures.items():
            if not math.isnan(value):
                self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()


def publish_events(staged: Path, out: Path) -> None:
    """Copies event files under names that do not tell the machine they are of.

    They are numbered in the order in which they were last written, which is that of their epochs:
    their own names tell only the second, and two runs of a training may begin within one.
    """
    out.mkdir()
    written = sorted(staged.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns)
    for number, path in enumerate(written, start=1):
        shutil.copyfile(path, out / f"events.out.tfevents.{number:04d}")
