"""`query --report`: answers go in, a page to look at them and a line that tells of it come out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aerialret.cli.telling import tell
from aerialret.config import AnswerPageConfig

if TYPE_CHECKING:
    from aerialret.querying.batch.asking import Batch
    from aerialret.querying.query import PhotoAnswer, QueryResult, RejectedPhoto
    from aerialret.retrieval.index_store import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPage:
    """A page of the first photos.

    Attributes:
        out: Where it goes.
        photos: How many it shows at most.
        kept: Answers of a batch that it may show, by the photo's name.
    """

    out: Path
    photos: int
    kept: "dict[str, PhotoAnswer]" = field(default_factory=dict)

    def keep(self, name: str, answer: "PhotoAnswer") -> None:
        """Keeps one of the first answers of a batch, which come in the order of its photos."""
        if len(self.kept) < self.photos:
            self.kept[name] = answer

    def write(
        self,
        answers: "Sequence[PhotoAnswer]",
        index: "Index",
        *,
        rejected: "Sequence[RejectedPhoto]",
        beyond: int = 0,
    ) -> None:
        """Writes the page, and tells of it.

        Args:
            answers: Of the photos, the first of which are shown.
            index: Where they were found.
            rejected: Photos that could not be used.
            beyond: Answered photos that are not among `answers`.
        """
        from aerialret.querying.answer_page import write_answer_page

        config = AnswerPageConfig(photos=self.photos)
        write_answer_page(answers, index, self.out, rejected=rejected, config=config)
        shown = min(self.photos, len(answers))
        beyond += len(answers) - shown
        rest = f"; {beyond} more are not on it, see '--report-photos'" if beyond else ""
        size = f"{self.out.stat().st_size / 1e6:.1f} MB"
        tell(f"wrote {self.out}, {size} for {shown} photos{rest}")

    def write_first(
        self,
        batch: "Batch",
        index: "Index",
        *,
        ask: "Callable[[Sequence[Path]], QueryResult]",
        rejected: "Sequence[RejectedPhoto]",
    ) -> None:
        """Writes the page of a batch's first photos.

        Those that an earlier run answered are asked about again: its journal keeps no pixels.
        """
        first = [photo for photo in batch.photos if photo.name in batch.done][: self.photos]
        answers = [
            self.kept[photo.name] if photo.name in self.kept else ask([photo.path]).answers[0]
            for photo in first
        ]
        self.write(answers, index, rejected=rejected, beyond=len(batch.done) - len(first))
