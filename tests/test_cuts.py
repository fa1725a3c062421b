import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerialret.errors import ConfigurationError
from aerialret.querying.content import Border, content_of, parse_border
from aerialret.querying.cuts import Box, Square, centre_square, cut_squares

BOX = Box(left=3, top=7, right=303, bottom=207)


@given(
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    side=st.none() | st.integers(1, 400),
    most=st.integers(0, 16),
)
def test_squares_lie_in_the_box_and_are_no_more_than_asked_for(
    left: int, top: int, width: int, height: int, side: int | None, most: int
) -> None:
    box = Box(left=left, top=top, right=left + width, bottom=top + height)
    squares = cut_squares(box, side=side, most=most)
    assert 1 <= len(squares) <= (most or 9)
    assert len(set(squares)) == len(squares)
    assert len({square.side for square in squares}) == 1
    for square in squares:
        assert box.left <= square.left <= square.left + square.side <= box.right
        assert box.top <= square.top <= square.top + square.side <= box.bottom
    assert squares[0] == centre_square(box, side=squares[0].side)


@pytest.mark.parametrize(("side", "most", "count"), [(100, 0, 9), (150, 0, 7), (210, 0, 1)])
def test_a_photo_is_cut_where_it_shows_clearly_more(side: int, most: int, count: int) -> None:
    assert len(cut_squares(BOX, side=side, most=most)) == count


def test_a_photo_of_unknown_resolution_is_cut_only_where_that_is_asked_for() -> None:
    (alone,) = cut_squares(BOX, side=None, most=0)
    assert alone == Square(left=53, top=7, side=200)
    asked = cut_squares(BOX, side=None, most=9)
    assert len(asked) > 4
    assert asked[0].side < 100


def test_the_squares_of_a_photo_cover_it_and_overlap() -> None:
    seen = np.zeros((BOX.bottom, BOX.right), int)
    for square in cut_squares(BOX, side=100, most=16):
        rows, cols = square.top + square.side, square.left + square.side
        seen[square.top : rows, square.left : cols] += 1
    assert (seen[BOX.top :, BOX.left :] >= 1).all()
    assert (seen[BOX.top :, BOX.left :] >= 2).mean() > 0.3
    assert not seen[: BOX.top].any()


@pytest.mark.parametrize(
    ("text", "border"),
    [
        ("auto", None),
        ("0", Border()),
        ("40", Border(pixels=40)),
        ("12px", Border(pixels=12)),
        ("5%", Border(share=0.05)),
        (" 2.5 % ", Border(share=0.025)),
    ],
)
def test_borders_are_pixels_or_shares(text: str, border: Border | None) -> None:
    assert parse_border(text) == border


@pytest.mark.parametrize("text", ["", "-3", "wide", "5%%", "60%", "auto "])
def test_other_borders_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="border"):
        parse_border(text)


def test_a_border_is_cut_off_on_each_side() -> None:
    image = np.zeros((3, 50, 100), np.uint8)  # the photo at a quarter
    content = content_of(image, width=400, height=200, border=Border(share=0.1))
    assert content.box == Box(left=20, top=20, right=380, bottom=180)
    whole = content.at(shape=(200, 400))
    assert whole[24:176, 24:376].all()
    assert whole.sum() <= 360 * 160
    with pytest.raises(ConfigurationError, match="leaves nothing of 400 x 200 px"):
        content_of(image, width=400, height=200, border=Border(pixels=100))


def test_without_a_border_all_of_a_photo_is_seen() -> None:
    content = content_of(np.zeros((3, 5, 9), np.uint8), width=9, height=5, border=Border())
    assert content.mask is None
    assert content.box == Box(left=0, top=0, right=9, bottom=5)
    assert content.at(shape=(2, 3)).all()
