"""The coverage map as a PNG: rectangles go in, a picture with graticule, scale and legend out."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyproj
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from aerialret.atomic import atomic_file
from aerialret.checking.canvas import Canvas, DateGround, named_dates, same_ground
from aerialret.checking.distances import round_distance, spoken_distance
from aerialret.tiles.grid import Bounds

_INK, _GRID, _VECTORS, _MISSING = "#1d2733", "#c9d1d9", "#b3261e", "#e8590c"
# Okabe & Ito (2008), without their red and black: told apart by colour-blind readers too.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31")
_SIDE_IN, _DPI = 8.0, 120
_MARGIN_IN = 0.25
_LABELS_IN, _TITLE_IN, _HEADING_IN = 0.45, 0.42, 0.5
_LEGEND_LINE_IN = 0.27
_PAD = 0.06
_TICKS = 6
_PANELS = 6
_TITLE = 40  # letters
_PANEL_COLUMNS = 2


def draw_map(canvas: Canvas, path: Path) -> None:
    """Draws the map into the PNG file at `path`; the same canvas gives the same bytes.

    Dates that show the same ground share a panel.
    """
    groups = same_ground(canvas)[:_PANELS]
    handles = list(_handles(canvas, groups))
    columns = min(len(groups), _PANEL_COLUMNS)
    rows = -(-len(groups) // columns)
    plot = tuple(side / (1.0 if columns == 1 else 1.6) for side in _plot_size(canvas.extent))
    panel = (plot[0] + _LABELS_IN + _MARGIN_IN, plot[1] + _LABELS_IN + _TITLE_IN)
    legend_columns = max(round(columns * panel[0] / 4), 1)
    legend_in = _LEGEND_LINE_IN * -(-len(handles) // legend_columns) + 0.15
    full = (columns * panel[0] + _MARGIN_IN, rows * panel[1] + legend_in + _HEADING_IN)
    figure = Figure(figsize=full, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for number, group in enumerate(groups):
        row, col = divmod(number, columns)
        left = _MARGIN_IN + col * panel[0] + _LABELS_IN
        bottom = legend_in + (rows - 1 - row) * panel[1] + _LABELS_IN
        place = (left / full[0], bottom / full[1], plot[0] / full[0], plot[1] / full[1])
        _panel(figure.add_axes(place), canvas, group, colour=_COLOURS[number])
    figure.text(
        (_MARGIN_IN + _LABELS_IN) / full[0], 1 - 0.32 / full[1], _heading(canvas), fontsize=11,
        color=_INK, va="center",
    )  # fmt: skip
    figure.legend(
        handles=handles, loc="lower center", ncols=legend_columns, frameon=False, fontsize=9,
        labelcolor=_INK,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _plot_size(extent: Bounds) -> tuple[float, float]:
    """Width and height of a map in inches; of very long ground a square-ish piece of paper."""
    ratio = min(max(extent.height / extent.width, 0.25), 1.6)
    return (_SIDE_IN, _SIDE_IN * ratio) if ratio <= 1 else (_SIDE_IN / ratio, _SIDE_IN)


def _heading(canvas: Canvas) -> str:
    system = pyproj.CRS.from_user_input(canvas.crs)
    name = f"{system.name} ({canvas.crs})" if canvas.crs.startswith("EPSG:") else system.name
    return f"Coverage in {name}, {_unit(canvas.extent)[1]}"


def _unit(extent: Bounds) -> tuple[float, str]:
    """Metres for each unit of the graticule, and the unit."""
    return (1000.0, "km") if max(extent.width, extent.height) >= 2000 else (1.0, "m")


def _panel(axes: Any, canvas: Canvas, group: Sequence[DateGround], *, colour: str) -> None:
    _draw_date(axes, group[0], colour=colour)
    _frame(axes, canvas.extent)
    _scale_bar(axes, canvas.extent)
    axes.set_title(named_dates(group, most=_TITLE), fontsize=10, color=_INK, loc="left", pad=5)


def _draw_date(axes: Any, date: DateGround, *, colour: str) -> None:
    line = 0.9 if len(date.sheets) < 400 else 0.25
    _add(axes, date.sheets, facecolor=colour, alpha=0.35, zorder=2)
    _add(axes, date.sheets, facecolor="none", edgecolor=colour, linewidth=line, zorder=3)
    _add(
        axes, date.missing, facecolor="white", edgecolor=_MISSING, hatch="////", linewidth=1.0,
        zorder=4,
    )  # fmt: skip
    _add(axes, date.damaged, facecolor=_MISSING, edgecolor=_INK, linewidth=1.0, zorder=4)
    _add(axes, date.vectors, facecolor=_VECTORS, alpha=0.06, zorder=5)
    _add(
        axes, date.vectors, facecolor="none", edgecolor=_VECTORS, linestyle=(0, (5, 3)),
        linewidth=1.6, zorder=6,
    )  # fmt: skip


def _add(axes: Any, boxes: Sequence[Bounds], **style: Any) -> None:
    corners = [
        [(b.left, b.bottom), (b.right, b.bottom), (b.right, b.top), (b.left, b.top)] for b in boxes
    ]
    if corners:
        axes.add_collection(PolyCollection(corners, **style))


def _frame(axes: Any, extent: Bounds) -> None:
    """Graticule, frame and the way north."""
    pad = _PAD * max(extent.width, extent.height)
    axes.set_xlim(extent.left - pad, extent.right + pad)
    axes.set_ylim(extent.bottom - 1.2 * pad, extent.top + pad)
    axes.set_aspect("equal")
    step = round_distance(max(extent.width, extent.height) / _TICKS * 1.6)
    unit = _unit(extent)[0]
    digits = max(0, round(-math.log10(step / unit) + 0.49))
    label = FuncFormatter(lambda value, _: f"{value / unit:,.{digits}f}".replace(",", " "))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_major_formatter(label)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8, colors=_INK)
    axes.tick_params(axis="y", labelrotation=90)
    for tick in axes.get_yticklabels():
        tick.set_verticalalignment("center")
    for spine in axes.spines.values():
        spine.set_color(_INK)
        spine.set_linewidth(0.8)
    axes.set_title("\N{UPWARDS ARROW} N", fontsize=10, color=_INK, loc="right", pad=5)


def _scale_bar(axes: Any, extent: Bounds) -> None:
    pad = _PAD * max(extent.width, extent.height)
    length = round_distance(extent.width / 4)
    left, low = extent.left, extent.bottom - 0.7 * pad
    axes.plot([left, left + length], [low, low], color=_INK, linewidth=3, solid_capstyle="butt",
              zorder=99)  # fmt: skip
    axes.text(
        left + length + 0.15 * pad, low, spoken_distance(length), fontsize=8, va="center",
        color=_INK, zorder=99,
    )  # fmt: skip


def _handles(canvas: Canvas, groups: Sequence[Sequence[DateGround]]) -> Iterator[Patch]:
    for number, group in enumerate(groups):
        if group[0].sheets:
            yield Patch(
                facecolor=(*_rgb(_COLOURS[number]), 0.35),
                edgecolor=_COLOURS[number],
                label=_imagery_label(group),
            )
    if any(date.missing for date in canvas.dates):
        count = sum(len(date.missing) for date in canvas.dates)
        yield Patch(
            facecolor="white", edgecolor=_MISSING, hatch="////", label=f"missing sheets: {count:,}"
        )
    unusable = sum(len(date.damaged) for date in canvas.dates)
    if unusable:
        yield Patch(facecolor=_MISSING, edgecolor=_INK, label=f"unusable sheets: {unusable:,}")
    if any(date.vectors for date in canvas.dates):
        where = " (some beyond the map)" if canvas.is_beyond else ""
        yield Patch(
            facecolor=(*_rgb(_VECTORS), 0.06),
            edgecolor=_VECTORS,
            linestyle="--",
            label=f"extent of vectors{where}",
        )


def _imagery_label(group: Sequence[DateGround]) -> str:
    files = sum(len(date.sheets) for date in group)
    formats = " and ".join(sorted({date.format for date in group}))
    words = f"imagery of {named_dates(group, most=_TITLE)}" if group[0].date else "imagery"
    return f"{words}: {files:,} file{'' if files == 1 else 's'}, {formats}"


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue
