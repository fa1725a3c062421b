"""Outcomes: what became of one photo of a batch."""

from dataclasses import dataclass

from aerialret.querying.batch.photo_files import PhotoFile
from aerialret.querying.batch.record import PENDING, REJECTED, PhotoRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a photo.

    Attributes:
        photo: The photo.
        record: What was answered; None where it is rejected, or not asked yet.
        reason: Why it is rejected; empty where it is not.
    """

    photo: PhotoFile
    record: PhotoRecord | None = None
    reason: str = ""

    @property
    def status(self) -> str:
        """found, uncertain, not in this index, rejected, or not asked yet."""
        if self.record is not None:
            return self.record.status
        return REJECTED if self.reason else PENDING
