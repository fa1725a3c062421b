"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from aerialret.config import QueryConfig

_QUERY = QueryConfig()

TileSetArgument = Annotated[
    Path | None,
    typer.Argument(metavar="TILESET", help="Tile set folder [workspace: paths.tileset]"),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--pipeline",
        help="Pipeline file, or name of a recipe as hog; its sections replace the workspace's",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Another value for a key; repeatable"),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what is there")]
QueriesDate = Annotated[
    str | None, typer.Option("--queries", help="Date of the queries [default: the newest]")
]
GalleryDate = Annotated[
    str | None, typer.Option("--gallery", help="Date of the gallery [default: the oldest]")
]
VerifyTop = Annotated[
    int | None,
    typer.Option(help=f"Answers that '--verify' tries [default: {_QUERY.verify_top}]", min=1),
]
MatcherName = Annotated[
    str | None,
    typer.Option(
        "--matcher",
        help="How --verify lays them: auto, sift, gradients, cells, or with kornia aliked, "
        f"aliked-lightglue, disk-lightglue, loftr [default: {_QUERY.matcher}]",
    ),
]
MatcherWeights = Annotated[
    str | None,
    typer.Option(
        "--matcher-weights",
        metavar="FOLDER",
        help="Where the weights of kornia's matchers are [default: torch hub's cache]",
    ),
]
