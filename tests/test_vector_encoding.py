import pytest
from shapely import box

from aerialret.errors import UnreadableInputError
from aerialret.ingestion.vectors.dbf_table import distinct_foreign, read_header
from aerialret.ingestion.vectors.vector_encoding import encoding_of
from aerialret.ingestion.vectors.vector_layers import layers_of, read_features
from tests.dbf_marks import delete_record, set_marks
from tests.geodata import write_layer

KINDS = ["Château", "Chapelle", "Église", None, "Château", "Tour, donjon"]


def _write(tmp_path, *, encoding, kinds=KINDS, name="BATIMENT.shp", **fields):
    squares = [box(index, 0, index + 1, 2) for index in range(len(kinds))]
    return write_layer(
        tmp_path / name, squares, encoding=encoding, ID=list(range(len(kinds))), NATURE=kinds,
        **fields,
    )  # fmt: skip


def _read(path, column="NATURE", **options):
    layer = layers_of(path, label=path.name, **options)[0]
    values = read_features(layer, columns=[column], given_crs="", extent=None)[column]
    return [value if isinstance(value, str) else None for value in values]


@pytest.mark.parametrize("stored", ["UTF-8", "cp1252"])
@pytest.mark.parametrize("cpg", [None, "UTF-8", "nonsense", ""])
@pytest.mark.parametrize("code_page", [0, 0x03, 0x57])
def test_texts_are_right_whatever_utf8_marks_are_missing_or_wrong(tmp_path, stored, cpg, code_page):
    path = set_marks(_write(tmp_path, encoding=stored), cpg=cpg, code_page=code_page)
    assert _read(path) == KINDS


@pytest.mark.parametrize("cpg", ["1252", "ANSI 1252", "ISO-8859-1", "latin1", "ISO 88591"])
def test_a_cpg_is_understood_in_any_spelling(tmp_path, cpg):
    path = set_marks(_write(tmp_path, encoding="cp1252"), cpg=cpg, code_page=0x02)
    assert encoding_of(path).origin == ".cpg"
    assert _read(path) == KINDS


@pytest.mark.filterwarnings("ignore:One or several characters:RuntimeWarning")
def test_a_code_page_counts_where_the_bytes_are_not_utf8(tmp_path):
    path = set_marks(_write(tmp_path, encoding="cp850"), cpg=None, code_page=0x02)
    assert encoding_of(path).name == "cp850"
    assert _read(path) == KINDS
    set_marks(path, cpg=None, code_page=0)
    assert encoding_of(path).name == "cp1252"
    assert _read(path) != KINDS


def test_a_cpg_that_lies_is_reported_and_loses_no_feature(tmp_path):
    path = set_marks(_write(tmp_path, encoding="cp1252"), cpg="UTF-8")
    found = encoding_of(path)
    assert (found.name, found.origin) == ("cp1252", "its bytes are not UTF-8")
    assert found.warning == "its .cpg says UTF-8, but its texts are not"
    assert not encoding_of(set_marks(path, cpg=None)).warning


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_letter_cut_by_the_end_of_the_column_is_left_out(tmp_path, cut):
    text = "ab" + "é" * 39
    path = set_marks(_write(tmp_path, encoding="UTF-8", kinds=[text, "x"]), cpg=None)
    table = path.with_suffix(".dbf")
    content = table.read_bytes()
    stored = text.encode()
    # The column keeps its width, and its last `cut` bytes go to a column of another name.
    at = content.index(b"NATURE")
    width = content[at + 16]
    extra = bytearray(content[at : at + 32])
    extra[:11], extra[16] = b"REST".ljust(11, b"\0"), cut
    shrunk = bytearray(content[at : at + 32])
    shrunk[16] = width - cut
    start = int.from_bytes(content[8:10], "little")
    head = bytearray(content[:at] + shrunk + extra + content[at + 32 : start])
    head[8:10] = (start + 32).to_bytes(2, "little")
    table.write_bytes(bytes(head) + content[start:])
    assert width == len(stored)  # GDAL gave the text the whole column
    assert _read(path, text_fields={"nature"})[0] == stored[:-cut].decode(errors="ignore")


def test_an_old_text_that_ends_in_an_accent_is_not_taken_for_a_cut_one(tmp_path):
    path = set_marks(_write(tmp_path, encoding="cp1252", kinds=["Marché", "Industriel"]), cpg=None)
    assert encoding_of(path).name == "cp1252"
    assert _read(path) == ["Marché", "Industriel"]


def test_only_the_fields_that_matter_tell_the_encoding(tmp_path):
    path = _write(tmp_path, encoding="UTF-8", TOPONYME=["Ÿ"] * 6)
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace("Ÿ".encode(), b"\x9f "))
    set_marks(path, cpg=None)
    assert encoding_of(path).name == "cp1252"
    assert encoding_of(path, fields={"nature"}).name == "utf-8"


def test_deleted_records_do_not_count(tmp_path):
    path = set_marks(_write(tmp_path, encoding="cp1252", kinds=["Château", "x"]), cpg=None)
    assert encoding_of(path).name == "cp1252"
    delete_record(path, 0)
    assert encoding_of(path).name == "utf-8"
    with path.with_suffix(".dbf").open("rb") as stream:
        header = read_header(stream)
        assert [field.name for field in header.texts] == [b"NATURE"]
        assert distinct_foreign(stream, header, header.texts[0]) == set()


def test_the_table_is_found_in_any_letter_case(tmp_path):
    path = set_marks(_write(tmp_path, encoding="cp1252"), cpg=None)
    for part in list(tmp_path.iterdir()):
        part.rename(part.with_name(part.name.upper()))
    path = tmp_path / "BATIMENT.SHP"
    assert encoding_of(path).name == "cp1252"
    assert _read(path) == KINDS


def test_field_names_with_accents_are_read(tmp_path):
    for encoding in ("UTF-8", "cp1252"):
        path = _write(tmp_path, encoding=encoding, name=f"{encoding}.shp", HÖHE=["a"] * 6)
        assert _read(set_marks(path, cpg=None), "HÖHE") == ["a"] * 6


@pytest.mark.parametrize("records", [0, 1])
def test_tables_without_texts_are_utf8(tmp_path, records):
    path = _write(tmp_path, encoding="cp1252", kinds=["x"] * records)
    assert encoding_of(set_marks(path, cpg=None)).name == "utf-8"


def test_other_formats_say_their_encoding_themselves(tmp_path):
    path = _write(tmp_path, encoding=None, name="a.gpkg")
    assert encoding_of(path).name == ""
    assert _read(path) == KINDS


def test_a_table_that_ends_within_its_header_is_named(tmp_path):
    path = _write(tmp_path, encoding="UTF-8")
    path.with_suffix(".dbf").write_bytes(b"\3\0\0")
    with pytest.raises(UnreadableInputError, match=r"BATIMENT\.dbf ends within its header"):
        layers_of(path, label="x")
