"""A batch: photos, a journal and a way to ask go in; each photo is asked about once and recorded.

What may be different the next time is not recorded: a photo that cannot be read today is tried
again by the next run.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aerialret.errors import AerialretError
from aerialret.querying.batch.file_state import FileState, file_state
from aerialret.querying.batch.journal import Journal
from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.photo_files import PhotoFile
from aerialret.querying.batch.pictures import bring_up_to_date
from aerialret.querying.batch.record import PhotoRecord, record_of
from aerialret.querying.batch.whole_file import require_whole
from aerialret.querying.query import PhotoAnswer

Ask = Callable[[Path], PhotoAnswer]
"""Answers one photo; raises where it cannot be used."""

WRITE_EVERY = 250
"""The fewest photos that are asked about between two writes of the output."""

WRITE_SHARE = 4
"""The output is written again once this part of its photos is new, a quarter: each write is of all
of them, so that at a fixed interval the writes of a large box would take longer than its photos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who is told what happens.

    Attributes:
        answered: Each photo and its answer, once it is recorded.
        progress: The photos done, and the photos in all.
        write: Now and then, so that the output shows what there is.
        remark: What a person must know besides.
    """

    answered: Callable[[PhotoFile, PhotoAnswer], None]
    progress: Callable[[int, int], None]
    write: Callable[[], None]
    remark: Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Batch:
    """Photos on their way.

    Attributes:
        photos: All of them.
        journal: What was answered, in this run or before.
        pictures: Where the georeferenced photo of each name goes; empty where none are wanted.
        done: Photos whose record is of the file as it is now, by name.
        rejected: Why photos cannot be used, by name.
        earlier: How many of `done` an earlier run answered.
    """

    photos: Sequence[PhotoFile]
    journal: Journal
    pictures: Mapping[str, Path] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    rejected: dict[str, str] = field(default_factory=dict)
    earlier: int = 0

    def outcomes(self) -> Iterator[Outcome]:
        """What became of each photo so far, in their order; records are read one by one."""
        for photo in self.photos:
            record = self.journal.read(photo.name) if photo.name in self.done else None
            yield Outcome(photo=photo, record=record, reason=self.rejected.get(photo.name, ""))

    def run(self, ask: Ask, telling: Telling) -> None:
        """Asks about every photo that was not asked about as it is now.

        Raises:
            OSError: Something cannot be written.
        """
        states = self._states()
        new = 0
        for number, photo in enumerate(self.photos, start=1):
            if photo.name in self.done:
                if self.pictures:  # it may be located by a run that wrote none
                    self._picture(photo, self.journal.read(photo.name), telling, fresh=False)
            elif photo.name in states:
                self._answer(photo, states[photo.name], ask, telling)
                new += 1
                known = len(self.done) + len(self.rejected)
                if new >= max(WRITE_EVERY, known // WRITE_SHARE):
                    telling.write()
                    new = 0
            telling.progress(number, len(self.photos))

    def _states(self) -> dict[str, FileState]:
        """The files to ask about; those that were asked about as they are now become `done`."""
        states = {}
        for photo in self.photos:
            known = self.journal.file_of(photo.name)
            try:
                state = file_state(photo.path, known=known)
            except (AerialretError, OSError) as error:
                self.rejected[photo.name] = _reason(photo, error)
                continue
            if known is None or known.sha256 != state.sha256:
                states[photo.name] = state
                continue
            if known != state:  # copied or touched: the content is the same
                self.journal.append(replace(self.journal.read(photo.name), file=state))
            self.done.add(photo.name)
        self.earlier = len(self.done)
        return states

    def _answer(self, photo: PhotoFile, state: FileState, ask: Ask, telling: Telling) -> None:
        start = time.monotonic()
        try:
            require_whole(photo.path)
            answer = ask(photo.path)
            seconds = time.monotonic() - start
            record = record_of(
                answer, name=photo.name, path=photo.path, file=state, seconds=seconds
            )
        except Exception as error:  # whatever is wrong with one photo, the others are asked about
            self.rejected[photo.name] = _reason(photo, error)
            return
        # Before it is recorded: a record promises that the picture is there.
        if self.pictures:
            self._picture(photo, record, telling, fresh=True)
        self.journal.append(record)
        self.done.add(photo.name)
        telling.answered(photo, answer)

    def _picture(
        self, photo: PhotoFile, record: PhotoRecord, telling: Telling, *, fresh: bool
    ) -> None:
        bring_up_to_date(
            self.pictures[photo.name], photo=photo, record=record, fresh=fresh,
            remark=telling.remark,
        )  # fmt: skip


def _reason(photo: PhotoFile, error: Exception) -> str:
    if isinstance(error, AerialretError):
        return str(error)
    if isinstance(error, OSError):
        return f"photo {photo.path} cannot be read: {error.strerror or error}"
    return f"photo {photo.path} cannot be used: {type(error).__name__}: {error}"
