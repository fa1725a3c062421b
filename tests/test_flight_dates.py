"""When tiles were flown: mosaicking graphs, dated files, and labels that they contradict."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from aerialret.errors import ConfigurationError, MissingCrsError
from aerialret.ingestion.flights.date_fields import found_fields
from aerialret.ingestion.flights.date_values import read_dates, value_interval
from aerialret.ingestion.flights.flight_dates import MIN_SHARE, FlightDates
from aerialret.ingestion.flights.flight_graph import file_flight_dates, read_flight_dates
from aerialret.ingestion.flights.tile_intervals import tile_intervals
from aerialret.tiles.dates import DateInterval
from aerialret.tiles.grid import Bounds, Grid, TileId
from tests.geodata import CRS, LEFT, TOP, noise, write_layer, write_raster

GRID = Grid(crs=CRS, tile_size_m=1000.0, tile_px=64, origin_x_m=LEFT, origin_y_m=TOP)


def flights(*dated: tuple[Any, str, str]) -> FlightDates:
    return FlightDates(
        polygons=np.array([shape for shape, _, _ in dated], object),
        first=np.array([first for _, first, _ in dated], "datetime64[D]"),
        last=np.array([last for _, _, last in dated], "datetime64[D]"),
        crs=CRS,
    )


def area(left: float, bottom: float, right: float, top: float) -> Any:
    """A rectangle in metres from the corner of the shared territory."""
    return shapely.box(LEFT + left, TOP + bottom, LEFT + right, TOP + top)


def interval_of(dated: FlightDates, bounds: Bounds) -> DateInterval | None:
    """The days of one rectangle."""
    first, last = dated.intervals_of([bounds])
    return None if np.isnat(first[0]) else DateInterval(first[0].item(), last[0].item())


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2012-05-31", "2012-05-31", "2012-05-31"),
        ("2012/5/3", "2012-05-03", "2012-05-03"),
        ("31/05/2012", "2012-05-31", "2012-05-31"),
        ("20120531", "2012-05-31", "2012-05-31"),
        ("2012-05-31T10:15:00Z", "2012-05-31", "2012-05-31"),
        ("2012-05", "2012-05-01", "2012-05-31"),
        ("2012", "2012-01-01", "2012-12-31"),
        ("2012.0", "2012-01-01", "2012-12-31"),
        ("1950-1965", "1950-01-01", "1965-12-31"),
    ],
)
def test_a_day_is_read_in_every_spelling(text: str, first: str, last: str) -> None:
    expected = DateInterval(date.fromisoformat(first), date.fromisoformat(last))
    assert value_interval(text) == expected


@pytest.mark.parametrize("text", ["", "0", "NR", "20121331", "1200", "31/02/2012", "12345", "x"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert value_interval(text) is None


@given(st.dates(min_value=date(1850, 1, 1), max_value=date(2100, 12, 31)))
def test_numbers_and_texts_name_the_same_day(day: date) -> None:
    spellings = [int(f"{day:%Y%m%d}"), float(f"{day:%Y%m%d}"), f"{day:%d/%m/%Y}", day, f"{day}"]
    column = read_dates(spellings)
    assert set(column.first.tolist()) == set(column.last.tolist()) == {day}


def columns(**values: list[Any]) -> dict[str, Any]:
    return {name: read_dates(listed) for name, listed in values.items()}


def test_the_date_field_is_found_by_its_values_and_not_by_the_records_own_dates() -> None:
    found = found_fields(
        columns(
            fid=[1, 2, 3],
            nom=["a", "b", "c"],
            date_maj=["2020-01-01"] * 3,
            quand=["2012-05-31", "", "2012-06-01"],
        )
    )
    assert found is not None
    assert found.names == ("quand",)
    assert found.first.tolist() == [date(2012, 5, 31), None, date(2012, 6, 1)]


def test_days_go_before_years_and_the_photo_before_the_mission() -> None:
    found = found_fields(
        columns(annee=[2012, 2013], date_mission=["20120601"] * 2, date_cliche=["20120602"] * 2)
    )
    assert found is not None
    assert found.names == ("date_cliche",)


def test_numbers_that_could_be_years_need_a_name_that_speaks_of_dates() -> None:
    assert found_fields(columns(numero=[1950, 1951, 1952])) is None
    found = found_fields(columns(numero=[1950, 1951], ANNEE=[2003, 2004]))
    assert found is not None
    assert found.names == ("ANNEE",)


def test_a_first_and_a_last_field_are_taken_together() -> None:
    found = found_fields(columns(date_fin=["2012-06-30"], date_debut=["2012-05-01"]))
    assert found is not None
    assert found.names == ("date_debut", "date_fin")
    assert (found.first[0], found.last[0]) == (
        np.datetime64("2012-05-01"),
        np.datetime64("2012-06-30"),
    )


@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".geojson", ".parquet"])
def test_a_graph_gives_the_same_days_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = write_layer(
        tmp_path / f"graphe{suffix}",
        [area(0, -1000, 1000, 0), area(1000, -1000, 3000, 0)],
        date_vol=pd.to_datetime(["2012-05-31", "2012-07-01"]),
        number=[1, 2],
    )
    dated = read_flight_dates([path], crs=CRS)
    tile = GRID.bounds(TileId(1, 0))
    assert interval_of(dated, tile) == DateInterval(date(2012, 7, 1), date(2012, 7, 1))


def test_named_fields_count_whatever_their_name(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "g.gpkg", [area(0, -1000, 1000, 0)], A=[2003], B=[20040215])
    dated = read_flight_dates([path], crs=CRS, fields=["a", "b"])
    assert interval_of(dated, GRID.bounds(TileId(0, 0))) == DateInterval(
        date(2003, 1, 1), date(2004, 2, 15)
    )


def test_a_graph_without_dates_says_which_fields_it_has(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "g.gpkg", [area(0, -1000, 1000, 0)], nom=["x"], numero=[7])
    with pytest.raises(ConfigurationError, match=r"g\.gpkg: nom, numero; name the one"):
        read_flight_dates([path], crs=CRS)
    with pytest.raises(ConfigurationError, match=r"'nom' of g\.gpkg holds no dates"):
        read_flight_dates([path], crs=CRS, fields=["nom"])
    with pytest.raises(ConfigurationError, match=r"no field 'jour'.*nom, numero"):
        read_flight_dates([path], crs=CRS, fields=["jour"])


def test_a_graph_without_crs_asks_for_it(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "g.shp", [area(0, -9, 9, 0)], crs=None, date=["2012-05-31"])
    with pytest.raises(MissingCrsError, match=r"g\.shp"):
        read_flight_dates([path], crs=CRS)
    assert read_flight_dates([path], crs=CRS, given_crs=CRS).first.tolist() == [date(2012, 5, 31)]


def test_polygons_without_a_date_are_counted(tmp_path: Path) -> None:
    path = write_layer(
        tmp_path / "g.gpkg",
        [area(0, -1000, 1000, 0), area(1000, -1000, 2000, 0)],
        date_cliche=["2012-05-31", ""],
    )
    dated = read_flight_dates([path], crs=CRS)
    assert dated.notes == (
        "dates of g.gpkg are those of date_cliche",
        "1 of 2 polygons of g.gpkg have no date",
    )
    assert interval_of(dated, GRID.bounds(TileId(1, 0))) is None


def test_a_graph_in_another_crs_dates_the_same_tiles(tmp_path: Path) -> None:
    shapes = np.array([area(30, -2000, 1980, -30), area(2020, -1000, 3000, 0)], object)
    to_geographic = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    moved = shapely.transform(shapes, lambda xy: np.stack(to_geographic.transform(*xy.T), axis=1))
    days = ["2012-05-31", "2012-07-01"]
    here = read_flight_dates([write_layer(tmp_path / "a.gpkg", list(shapes), day=days)], crs=CRS)
    there = read_flight_dates(
        [write_layer(tmp_path / "b.gpkg", list(moved), crs="EPSG:4326", day=days)], crs=CRS
    )
    cells = [TileId(col, row) for col in range(4) for row in range(3)]
    one = tile_intervals(cells, grid=GRID, label="2012", flights=here)
    other = tile_intervals(cells, grid=GRID, label="2012", flights=there)
    assert one.known.sum() == 5
    for name in ("first", "last", "known"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_sliver_dates_no_tile() -> None:
    sliver, enough = 1000 * MIN_SHARE * 0.9, 1000 * MIN_SHARE * 1.1
    first, _ = flights(
        (area(0, -1000, sliver, 0), "2012-05-31", "2012-05-31"),
        (area(1000, -1000, 1000 + enough, 0), "2012-06-30", "2012-06-30"),
    ).intervals_of([GRID.bounds(TileId(0, 0)), GRID.bounds(TileId(1, 0))])
    assert first.tolist() == [None, date(2012, 6, 30)]


def test_many_tiles_at_once_are_dated_as_one_by_one() -> None:
    random = np.random.default_rng(3)
    corners = random.uniform(0, 6000, (40, 2))
    sizes = random.uniform(50, 2500, (40, 2))
    days = np.datetime64("2011-01-01") + random.integers(0, 700, (40, 2))
    dated = FlightDates(
        polygons=np.array(
            [area(x, -y - h, x + w, -y) for (x, y), (w, h) in zip(corners, sizes, strict=True)]
        ),
        first=days.min(axis=1),
        last=days.max(axis=1),
        crs=CRS,
    )
    cells = [TileId(col, row) for row in range(-1, 8) for col in range(9)]
    together = tile_intervals(cells, grid=GRID, label="2012", flights=dated)
    for index, cell in enumerate(cells):
        square = shapely.box(*GRID.bounds(cell))
        over = [
            i
            for i, polygon in enumerate(dated.polygons)
            if polygon.intersection(square).area > 0.01 * square.area
        ]
        assert together.known[index] == bool(over)
        first = min((dated.first[i] for i in over), default=np.datetime64("2012-01-01"))
        last = max((dated.last[i] for i in over), default=np.datetime64("2012-12-31"))
        assert (together.first[index], together.last[index]) == (first, last)
    assert 0 < together.known.sum() < len(cells)


def test_without_flight_dates_every_tile_has_the_labels_days() -> None:
    told = tile_intervals([TileId(3, 1)] * 2, grid=GRID, label="1950..1965", flights=None)
    assert told.first.tolist() == [date(1950, 1, 1)] * 2
    assert told.last.tolist() == [date(1965, 12, 31)] * 2
    assert not told.known.any()
    assert told.warnings == ()


def test_no_tile_and_no_polygon_are_no_trouble() -> None:
    assert len(tile_intervals([], grid=GRID, label="2004", flights=flights()).first) == 0
    told = tile_intervals([TileId(0, 0)], grid=GRID, label="2004", flights=flights())
    assert told.known.tolist() == [False]


def test_a_graph_of_another_year_than_the_label_is_warned_about() -> None:
    dated = flights(
        (area(0, -1000, 1000, 0), "2012-05-31", "2012-06-02"),
        (area(1000, -1000, 2000, 0), "2004-05-31", "2004-06-02"),
    )
    cells = [TileId(0, 0), TileId(1, 0), TileId(2, 0)]
    told = tile_intervals(cells, grid=GRID, label="2004", flights=dated)
    assert told.first[0] == np.datetime64("2012-05-31")
    assert told.warnings == (
        "date 2004: 1 of 2 tiles with flight dates were flown between 2012-05-31 and 2012-06-02, "
        "outside that date; check --date and the date graph",
    )


def test_files_date_the_ground_that_they_show(tmp_path: Path) -> None:
    one = write_raster(tmp_path / "a.tif", noise(bands=1, height=20, width=30), resolution=100)
    other = write_raster(
        tmp_path / "b.tif", noise(bands=1, height=20, width=10), left=LEFT + 3000, resolution=100
    )
    dated = file_flight_dates(
        {
            other: (date(2015, 8, 1), date(2015, 8, 2)),
            one: (date(2015, 7, 1), date(2015, 7, 3)),
        },
        crs=CRS,
    )
    both = Bounds(LEFT + 2000, TOP - 1000, LEFT + 4000, TOP)
    assert interval_of(dated, both) == DateInterval(date(2015, 7, 1), date(2015, 8, 2))
