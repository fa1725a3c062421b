"""The page of answers: answers and their index go in, one HTML file comes out.

It asks the network for nothing: pictures, look and the few lines of script are inside it.
"""

from collections.abc import Sequence
from pathlib import Path

from aerialret import atomic
from aerialret.config import AnswerPageConfig
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.pages.environment import page_environment
from aerialret.querying.answer_page.cards import PhotoCard, photo_card
from aerialret.querying.answer_page.facts import HEADS
from aerialret.querying.answer_page.overview import Footprint, extent_text, overview_map
from aerialret.querying.answer_page.wording import headline, verdict_of
from aerialret.querying.query import PhotoAnswer, RejectedPhoto
from aerialret.retrieval.index_store import Index
from aerialret.verification.reference import ReferenceReader

TEMPLATE = "answers.html.jinja"

SUFFIXES = (".html", ".htm")


def check_page_path(out: Path) -> None:
    """Checks that a page can be written to `out`, before any work is done.

    Raises:
        ConfigurationError: Its ending is none of `SUFFIXES`, or it is a folder.
    """
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise ConfigurationError(
            f"{out} would be a page of answers; give '--report' a name ending with .html"
        )


def write_answer_page(
    answers: Sequence[PhotoAnswer],
    index: Index,
    out: Path,
    *,
    rejected: Sequence[RejectedPhoto] = (),
    config: AnswerPageConfig | None = None,
) -> None:
    """Writes the page to `out`; see `render_answer_page`.

    Raises:
        ConfigurationError: `out` does not end with .html.
        NothingToDoError: There is no photo to show.
    """
    check_page_path(out)
    atomic.write_text(out, render_answer_page(answers, index, rejected=rejected, config=config))


def render_answer_page(
    answers: Sequence[PhotoAnswer],
    index: Index,
    *,
    rejected: Sequence[RejectedPhoto] = (),
    config: AnswerPageConfig | None = None,
) -> str:
    """The page as HTML: each photo laid on the map of its first answers, with what agrees.

    Without the index's tile set there are no maps to draw: photos and tables remain.

    Args:
        answers: What was found, verified or not.
        index: Where it was found.
        rejected: Photos that could not be used.
        config: How much is drawn.

    Raises:
        NothingToDoError: There is no photo to show.
    """
    if not answers:
        raise NothingToDoError("no answers to show on a page")
    config = config or AnswerPageConfig()
    reader = None if index.tileset is None else ReferenceReader(index.tileset)
    cards = [
        photo_card(answer, number, reader=reader, config=config)
        for number, answer in enumerate(answers[: config.photos], start=1)
    ]
    asked = len(answers) + len(rejected)
    verdicts = [verdict_of(answer) for answer in answers]
    return page_environment(__package__).get_template(TEMPLATE).render(
        title=_title(cards, asked),
        headline=headline(verdicts, asked=asked, shown=len(cards)),
        cards=cards,
        folded=len(cards) > config.unfolded,
        heads=HEADS,
        overview=_overview(cards, index) if len(cards) > 1 else "",
        extent=extent_text(index),
        rejected=rejected,
        without_map=reader is None,
        provenance=_provenance(index),
    )  # fmt: skip


def _title(cards: Sequence[PhotoCard], asked: int) -> str:
    return f"Where {cards[0].title} lies" if asked == 1 else f"Where {asked:,} photos lie"


def _overview(cards: Sequence[PhotoCard], index: Index) -> str:
    footprints = [
        Footprint(
            number=card.number, title=f"{card.number}. {card.title}: {card.verdict.word}",
            css=card.verdict.css, outline=card.outline,
        )
        for card in cards
        if card.outline is not None
    ]  # fmt: skip
    return overview_map(footprints, index)


def _provenance(index: Index) -> list[tuple[str, str]]:
    grid = index.grid
    return [
        ("Index", f"{index.count_places():,} tiles of {', '.join(index.dates)}"),
        ("Tiles", f"{grid.tile_size_m:g} m, {grid.tile_px} px, {grid.crs}"),
        ("Index hash", index.manifest.content_hash[:16]),
        *((f"{kind.replace('_', ' ').capitalize()} hash", value[:16])
          for kind, value in sorted(index.manifest.parents.items())),
    ]  # fmt: skip
