"""`query`: where are the places that these photos show?"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aerialret.cli.shared_options import MatcherName, MatcherWeights, VerifyTop
from aerialret.cli.telling import staged_progress, tell
from aerialret.config import AnswerPageConfig, QueryConfig, SourceConfig
from aerialret.config.toml import with_values
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.querying.query import QueryResult
    from aerialret.verification.locator import Locator

_QUERY, _SOURCE, _PAGE = QueryConfig(), SourceConfig(), AnswerPageConfig()
_REJECTED = 1

_NOT_ASKED = frozenset(
    {
        "photos", "folder", "output_format", "out", "matches", "georeferenced", "replace", "sheet",
        "report", "report_photos", "matcher_weights",
    }
)  # fmt: skip
"""Options of `answer` that its answers do not depend on; a batch that is resumed with others of the
rest is refused, so that an option that is missing here refuses too much and mixes nothing."""


def query(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO...",
            help="Georeferenced tiles or plain pictures; of folders, all pictures in them",
        ),
    ],
    index: Annotated[
        Path | None, typer.Option(help="Index folder [workspace: paths.index]")
    ] = None,
    top: Annotated[
        int | None, typer.Option(help=f"Results for each photo [default: {_QUERY.top}]", min=1)
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Only tiles of this date or interval, as 1950..1975")
    ] = None,
    area: Annotated[
        str | None,
        typer.Option(help="Only tiles in LEFT,BOTTOM,RIGHT,TOP (index CRS) or a polygon file"),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="Vector layers of the photo's date, as for ingest; repeatable"),
    ] = None,
    classes: Annotated[
        str, typer.Option(help="Class mapping: bdtopo, osm or a TOML file")
    ] = _SOURCE.classes,
    vector_crs: Annotated[
        str, typer.Option(help="CRS of vector layers that carry none")
    ] = _SOURCE.vector_crs,
    photo_crs: Annotated[
        str, typer.Option(help="CRS of photos with a position but no CRS")
    ] = _SOURCE.ortho_crs,
    rotations: Annotated[
        int | None,
        typer.Option(
            help="Turns of the photo to try, evenly over the circle [default: the model's recipe]",
            min=1,
            max=360,
        ),
    ] = None,
    gsd: Annotated[
        float | None,
        typer.Option(help="Metres on the ground for each pixel of plain pictures", min=0),
    ] = None,
    photo_scale: Annotated[
        float | None,
        typer.Option(
            help="Denominator of their scale, as 25000, where the file tells its dpi", min=0
        ),
    ] = None,
    border: Annotated[
        str | None,
        typer.Option(
            help=f"Cut off each side: 40 (pixels), 5%, 0 or auto [default: {_QUERY.border}]"
        ),
    ] = None,
    cuts: Annotated[
        int | None,
        typer.Option(
            help="Squares of a plain picture that vote [default: 0, up to 9 where it is large]",
            min=0,
            max=16,
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Second look at the first answers: none or cells [default: the model's recipe]"
        ),
    ] = None,
    output_format: Annotated[
        Literal["table", "json", "geojson", "csv"],
        typer.Option("--format", help="What goes to stdout"),
    ] = "table",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Lay the photo on the best answers, to the pixel"),
    ] = False,
    verify_top: VerifyTop = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write the results: .gpkg, .geojson or .parquet; with --verify a .tif or a "
            "folder for the georeferenced photo"
        ),
    ] = None,
    matcher: MatcherName = None,
    matcher_weights: MatcherWeights = None,
    matches: Annotated[
        Path | None, typer.Option(help="With --verify, also draw the matches on the map: .png")
    ] = None,
    georeferenced: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --verify, also write each photo that is located, as GeoTIFF",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="For a folder, begin anew where OUT was begun with other options"
        ),
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Also draw the photos and their answers: .png")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Also write a page with the photos laid on the map: .html"),
    ] = None,
    report_photos: Annotated[
        int, typer.Option(help="Photos on that page, the first of those asked about", min=1)
    ] = _PAGE.photos,
) -> None:
    """Say where the places that the photos show are in the index's imagery.

    Example: aerialret query photo.tif --index index --top 5 --format geojson
    Example: aerialret query photo.jpg --verify --out photo_georeferenced.tif
    Example: aerialret query scans/ --verify --out found.gpkg --georeferenced located/
    """
    workspace = open_workspace()
    known = workspace.pipeline.query
    result = answer(
        photos,
        workspace.path(index, "index", what="--index folder"),
        top=top or workspace.pipeline.query.top,
        date=date,
        area=area,
        vectors=tuple(vectors or ()),
        classes=classes,
        vector_crs=vector_crs,
        photo_crs=photo_crs,
        rotations=rotations or (workspace.pipeline.query.rotations if workspace.file else None),
        rerank=rerank or (known.rerank if workspace.file else None),
        rerank_top=known.rerank_top if workspace.file else None,
        gsd_m=known.gsd_m if gsd is None else gsd,
        photo_scale=known.photo_scale if photo_scale is None else photo_scale,
        border=known.border if border is None else border,
        cuts=known.cuts if cuts is None else cuts,
        output_format=output_format,
        verify_top=(verify_top or workspace.pipeline.query.verify_top) if verify else 0,
        matcher=matcher or known.matcher,
        matcher_weights=matcher_weights or known.matcher_weights,
        out=out,
        matches=matches,
        georeferenced=georeferenced,
        replace=replace,
        sheet=sheet,
        report=report,
        report_photos=report_photos,
    )
    if result.rejected:
        raise typer.Exit(_REJECTED)


def answer(
    photos: Sequence[Path],
    folder: Path,
    *,
    top: int = _QUERY.top,
    date: str | None = None,
    area: str | None = None,
    vectors: tuple[str, ...] = (),
    classes: str = _SOURCE.classes,
    vector_crs: str = _SOURCE.vector_crs,
    photo_crs: str = _SOURCE.ortho_crs,
    rotations: int | None = None,
    rerank: str | None = None,
    rerank_top: int | None = None,
    gsd_m: float = _QUERY.gsd_m,
    photo_scale: float = _QUERY.photo_scale,
    border: str = _QUERY.border,
    cuts: int = _QUERY.cuts,
    output_format: str = "table",
    verify_top: int = 0,
    matcher: str = _QUERY.matcher,
    matcher_weights: str = _QUERY.matcher_weights,
    out: Path | None = None,
    matches: Path | None = None,
    georeferenced: Path | None = None,
    replace: bool = False,
    sheet: Path | None = None,
    report: Path | None = None,
    report_photos: int = _PAGE.photos,
) -> "QueryResult":
    """Searches for the photos; prints, writes and draws the answers.

    With `verify_top` above 0, so many answers of each photo are verified.
    """
    asked = {name: value for name, value in locals().items() if name not in _NOT_ASKED}
    from aerialret.cli.answer_pages import WantedPage
    from aerialret.cli.batching import (
        answer_box,
        holds_folders,
        require_no_pictures,
        results_and_pictures,
    )
    from aerialret.cli.verifying import check_outputs, tell_located, verify_result, write_located
    from aerialret.querying.answer_files import write_results
    from aerialret.querying.answer_page.page import check_page_path
    from aerialret.querying.answers import format_answers
    from aerialret.querying.contact_sheet import contact_sheet
    from aerialret.querying.content import parse_border
    from aerialret.querying.georeferenced_files import check_pictures, wants_pictures
    from aerialret.querying.query import query as step
    from aerialret.querying.scan import Reading
    from aerialret.querying.verify import require_locators, require_pixels
    from aerialret.retrieval.index_store import load_index
    from aerialret.retrieval.search import select_tiles
    from aerialret.tiles.area import read_area
    from aerialret.tiles.dates import parse_interval

    box = holds_folders(photos)
    if box:
        require_no_pictures(matches=matches, sheet=sheet)
    check_outputs(out, matches, photos=2 if box else len(photos), verify=verify_top > 0)
    if georeferenced:
        check_pictures(georeferenced, photos=len(photos), verify=verify_top > 0)
    if report:
        check_page_path(report)
    page = WantedPage(out=report, photos=report_photos) if report else None
    reading = Reading(gsd_m=gsd_m, photo_scale=photo_scale, border=parse_border(border), cuts=cuts)
    opened = load_index(folder)
    looks = with_values(opened.model.asking, rerank=rerank, rerank_top=rerank_top)
    locators: Sequence[Locator] = ()
    if verify_top:
        locators = require_locators(matcher, model=opened.model, weights=matcher_weights)
        require_pixels(opened)
    dates = parse_interval(date) if date else None
    within = read_area(area, crs=opened.grid.crs) if area else None

    def ask(some: Sequence[Path], progress: Callable[[str, int, int], None]) -> "QueryResult":
        found = step(
            some,
            index=opened,
            top=max(top, verify_top),
            dates=dates,
            area=within,
            vectors=vectors,
            classes=classes,
            vector_crs=vector_crs,
            photo_crs=photo_crs,
            rotations=rotations or opened.model.asking.rotations,
            rerank=looks.rerank,
            rerank_top=looks.rerank_top,
            reading=reading,
            progress=lambda done, total: progress("photos", done, total),
        )
        if not verify_top:
            return found
        return verify_result(
            found, opened, verify_top=verify_top, locators=locators, top=top,
            progress=lambda done, total: progress("verified", done, total),
        )  # fmt: skip

    if box:
        select_tiles(opened, dates=dates, area=within)  # else each photo would be rejected for it
        results, pictures = results_and_pictures(out, georeferenced)
        return answer_box(
            photos, opened, ask=lambda some: ask(some, lambda *_: None), asked=asked,
            output_format=output_format, out=results, georeferenced=pictures, page=page,
            replace=replace,
        )  # fmt: skip
    with staged_progress() as progress:
        result = ask(photos, progress)
    typer.echo(format_answers(result.answers, output_format=output_format), nl=False)
    if verify_top:
        write_located(result.answers, opened, out=out, matches=matches)
        write_located(result.answers, opened, out=georeferenced, matches=None)
        tell_located(result.answers, pictures=wants_pictures(out))
    if out and not wants_pictures(out):
        write_results(result.answers, out, rejected=result.rejected)
        tell(f"wrote {out}")
    if sheet:
        contact_sheet(result.answers, opened, sheet)
        tell(f"drew {sheet}")
    if page:
        page.write(result.answers, opened, rejected=result.rejected)
    _tell_notes(result, output_format)
    return result


def _tell_notes(result: "QueryResult", output_format: str) -> None:
    """What a person must know: the notes where stdout does not show them, and the rejected."""
    from aerialret.querying.judgement import verdict_line

    if output_format != "table":
        for found in result.answers:
            for note in (verdict_line(found), *found.notes):
                if note:
                    tell(f"{found.query}: {note}")
    for rejected in result.rejected:
        tell(f"aerialret: {rejected.message}")
