"""What a training tells of its course: the history, the clock, the rate, TensorBoard files."""

import math
import os
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aerialret.training.events import Events, publish_events
from aerialret.training.history import History, Timing
from aerialret.training.rates import Pace, duration, per_second


def test_the_first_of_the_best_epochs_is_the_best() -> None:
    history = History()
    for epoch, score in enumerate((0.9, 0.4, 0.7, math.nan, 0.7)):
        history.add(epoch=epoch, loss=1.0, val_map5=score, hard=0)
    assert history.best()["epoch"] == 2


def test_the_history_says_nothing_of_the_clock(tmp_path: Path) -> None:
    history = History()
    history.add(epoch=1, loss=0.25, val_map5=math.nan, hard=3)
    history.write(tmp_path / "history.csv")
    text = (tmp_path / "history.csv").read_text()
    assert text == "epoch,loss,val_map5,hard\n1,0.250000,,3\n"


def test_timing_goes_on_after_a_kill_without_the_epochs_that_were_lost(tmp_path: Path) -> None:
    path = tmp_path / "timing.csv"
    timing = Timing.read(path, epochs=0)
    for epoch in (1, 2, 3):
        timing.add(epoch=epoch, seconds=10.0 * epoch, mining_s=1.5, validation_s=2.0, places=80)
    timing.write(path)
    again = Timing.read(path, epochs=2)
    assert [row["epoch"] for row in again.rows] == [1, 2]
    assert again.total_s == 30
    assert again.rows[0] == {
        "epoch": 1, "seconds": 10, "mining_s": 1.5, "validation_s": 2, "places_per_s": 10,
    }  # fmt: skip


def test_no_epoch_takes_no_time(tmp_path: Path) -> None:
    assert Timing.read(tmp_path / "none.csv", epochs=9).total_s == 0


def test_the_time_left_is_that_of_the_last_five_epochs() -> None:
    now = iter([0, 100, *(second for n in range(5) for second in (200 + 20 * n, 210 + 20 * n))])
    pace = Pace(epochs=10, clock=lambda: next(now))
    assert math.isnan(pace.left_s(done_epochs=0))
    for _ in range(6):
        pace.start_epoch()
        pace.end_epoch()
    assert pace.left_s(done_epochs=6) == 40
    told = pace.told(places=123, done_epochs=6, best_map5=0.8349)
    assert told == "12 places/s, 40 s left, best map@5 0.835"
    assert pace.told(places=123, done_epochs=10) == "12 places/s"


def test_nothing_is_told_before_the_first_epoch() -> None:
    assert Pace(epochs=3).told(places=5, done_epochs=0) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (240, "4 min"), (7500, "2 h 05 min"), (273_600, "3 d 4 h"),
     (3599, "60 min"), (86_399, "24 h 00 min")],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_slow_rate_keeps_its_digits() -> None:
    assert (per_second(1, 3), per_second(5000, 2)) == ("0.33", "2500")


def scalars(folder: Path, name: str) -> dict[int, float]:
    seen = EventAccumulator(str(folder)).Reload()
    return {event.step: round(event.value, 6) for event in seen.Scalars(name)}


def test_a_resumed_training_goes_on_at_its_epoch(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    first = Events(staged, first_epoch=0)
    for epoch in range(4):  # killed after epoch 3 was told, but before it was kept
        first.add(epoch, {"loss": 1.0 - epoch / 4, "val_map5": math.nan if epoch == 1 else 0.5})
    first.close()
    second = Events(staged, first_epoch=3)
    second.add(3, {"loss": 0.125})
    second.add(4, {"loss": 0.0625})
    second.close()
    publish_events(staged, tmp_path / "events")
    assert scalars(tmp_path / "events", "loss") == {0: 1, 1: 0.75, 2: 0.5, 3: 0.125, 4: 0.0625}
    assert scalars(tmp_path / "events", "val_map5") == {0: 0.5, 2: 0.5}
    names = sorted(path.name for path in (tmp_path / "events").iterdir())
    assert names == ["events.out.tfevents.0001", "events.out.tfevents.0002"]


def test_event_files_come_in_the_order_they_were_written_whatever_their_names(
    tmp_path: Path,
) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    for number, name in enumerate(("b", "a"), start=1):  # two runs of one second: ids of processes
        path = staged / f"events.out.tfevents.1.{name}"
        path.write_text(name)
        os.utime(path, ns=(number, number))
    publish_events(staged, tmp_path / "events")
    told = sorted((tmp_path / "events").iterdir())
    assert [path.read_text() for path in told] == ["b", "a"]


def test_no_events_publish_an_empty_folder(tmp_path: Path) -> None:
    publish_events(tmp_path / "never", tmp_path / "events")
    assert list((tmp_path / "events").iterdir()) == []
