"""What a person sees: progress and lines on stderr, progress only where it is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def tell(line: str) -> None:
    """Writes a line to stderr."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def staged_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A callback (stage, done, total) that draws a bar for each stage on a terminal's stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, int] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield advance


@contextmanager
def current_work() -> Iterator[Callable[[str], None]]:
    """A callback (what is being done) that keeps one changing line on a terminal's stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update
