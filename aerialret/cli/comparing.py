"""`compare`: train and measure several methods, and put them into one table."""

import shlex
import sys
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aerialret.cli.shared_options import Assignments, GalleryDate, QueriesDate, Replace
from aerialret.cli.telling import current_work, tell
from aerialret.comparison.request import PROTOCOLS, CompareRequest
from aerialret.config import EvaluateConfig, SplitConfig
from aerialret.config.toml import override, with_values
from aerialret.errors import ConfigurationError
from aerialret.recipes import find_recipe
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.comparison.methods import Method
    from aerialret.comparison.study import Study

_REQUEST = CompareRequest()
_INCOMPLETE = 1


def compare(
    on: Annotated[
        Path | None,
        typer.Option("--on", metavar="TILESET", help="Tile set [workspace: paths.tileset]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the comparison")] = Path("comparison"),
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PIPELINE...",
            help="Pipeline files or names, as LABEL=PIPELINE to call one otherwise in the table",
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds of the trainings, with commas")] = ",".join(
        map(str, _REQUEST.seeds)
    ),
    protocols: Annotated[
        str | None,
        typer.Option(
            help=f"How queries are made, some of {', '.join(PROTOCOLS)}, with commas [default: "
            f"{','.join(_REQUEST.protocols)}, or as the study says]"
        ),
    ] = None,
    queries: QueriesDate = None,
    gallery: GalleryDate = None,
    epochs: Annotated[
        int, typer.Option(help="At most so many epochs of what trains; 0: as each recipe says")
    ] = _REQUEST.epochs,
    assignments: Assignments = None,
    study: Annotated[
        str | None, typer.Option(help="Study file or name: tables beside published figures")
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(help="Resamples of the queries for the intervals")
    ] = _REQUEST.resamples,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Also measure each method with its first answers verified"),
    ] = _REQUEST.verify,
    replace: Replace = False,
) -> None:
    """Train and measure several methods on one split, and write one table of them.

    What is there already is not done again. Example:

    aerialret compare hog resnet50 rfiap2020 --on tiles --out comparison --epochs 20
    """
    from aerialret.comparison.methods import named_recipes
    from aerialret.comparison.study import read_study

    changes = assignments or []
    found = read_study(find_recipe("pipelines/studies", study)) if study else None
    ways = found.protocols if found else _REQUEST.protocols
    asked = CompareRequest(
        seeds=_numbers(seeds), protocols=ways if protocols is None else _words(protocols),
        epochs=epochs, resamples=bootstrap, verify=verify,
    )  # fmt: skip
    if not pipelines and found is None:
        raise ConfigurationError("no PIPELINE was given; name at least one, or a '--study'")
    named = named_recipes(pipelines or [])
    methods = [_method(one.recipe, changes, label=one.label) for one in named]
    methods += _study_methods(found, changes)
    dates = {"queries": queries, "gallery": gallery}
    complete = run_comparison(on, out, methods, asked, changes, dates, found, replace=replace)
    if not complete:
        raise typer.Exit(_INCOMPLETE)


def run_comparison(
    on: Path | None,
    out: Path,
    methods: "list[Method]",
    request: CompareRequest,
    assignments: list[str],
    dates: dict[str, str | None],
    study: "Study | None",
    *,
    replace: bool,
) -> bool:
    """Runs the comparison, writes its tables and prints the first; whether all methods ran."""
    from aerialret.comparison.compare import Telling, compare
    from aerialret.comparison.methods import on_common_ground
    from aerialret.comparison.output import HTML_NAME, write_tables
    from aerialret.comparison.provenance import Setting
    from aerialret.comparison.runs import Ground
    from aerialret.evaluation.evaluate import dates_of
    from aerialret.tiles.tileset import TileSet

    split, evaluate = _shared(assignments, study)
    tileset = TileSet(open_workspace().path(on, "tileset", what="tile set ('--on')"))
    chosen = with_values(evaluate, **dates)
    ground = Ground(
        tileset=tileset, dates=dates_of(chosen, tileset), protocols=request.protocols,
        protocol_seed=chosen.seed, every_split=study is not None, out=out,
        verify=request.verify,
    )  # fmt: skip
    common = on_common_ground(methods, split=split, dates=ground.dates, request=request)
    with current_work() as doing:
        telling = Telling(line=tell, doing=doing)
        outcome = compare(ground, common, request=request, replace=replace, telling=telling)
    command = shlex.join(["aerialret", *sys.argv[1:]])
    setting = Setting(ground=ground, split=split, request=request, command=command)
    print(write_tables(setting, outcome, study=study), end="")
    tell(f"tables: {out / HTML_NAME}")
    return not outcome.failures


def _method(
    recipe: str, assignments: list[str], own: tuple[str, ...] = (), *, label: str = ""
) -> "Method":
    """The method of a recipe; `own` keys of a study's row win over those for all."""
    from aerialret.comparison.methods import Method, variant_name

    path = find_recipe("pipelines", recipe)
    pipeline = open_workspace(recipe=path, assignments=[*assignments, *own]).pipeline
    return Method(name=label or variant_name(path.stem, own), pipeline=pipeline)


def _study_methods(study: "Study | None", assignments: list[str]) -> "list[Method]":
    rows = study.rows() if study else ()
    return [_method(row.pipeline, assignments, row.set) for row in rows if row.pipeline]


def _shared(assignments: list[str], study: "Study | None") -> tuple[SplitConfig, EvaluateConfig]:
    """The split and the evaluation of all: the workspace's, a study's own split, then --set."""
    own = [item for item in assignments if item.strip().startswith(("split.", "evaluate."))]
    pipeline = open_workspace().pipeline
    if study:
        pipeline = replaced(pipeline, split=study.split)
    changed = override(pipeline, own) if own else pipeline
    return changed.split, changed.evaluate


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError:
        raise ConfigurationError(
            f"--seeds is {text!r}, but takes whole numbers with commas, as in 0,1,2"
        ) from None
