"""Items as a table: STAC items go in one by one, a stac-geoparquet file comes out."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from stac_geoparquet.arrow import parse_stac_items_to_arrow, to_parquet

from aerialret import atomic

_ROWS = 4096
"""Items in memory at a time, and rows of a row group."""


def write_items_table(
    path: Path,
    items: Iterable[dict[str, Any]],
    *,
    exemplar: dict[str, Any],
    collections: Mapping[str, Mapping[str, Any]],
) -> None:
    """Writes the items in their order, in one step and never all in memory.

    Args:
        path: The file.
        items: At least one.
        exemplar: An item with every field that any item has: it settles the columns.
        collections: The collections of the items, by identifier; the file's metadata hold them.
    """
    batches = (_batch(chunk, exemplar) for chunk in _chunks(items))
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
    with atomic.atomic_file(path) as partial:
        to_parquet(reader, partial, collections=collections, compression="zstd")


def _chunks(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, _ROWS)):
        yield chunk


def _batch(items: list[dict[str, Any]], exemplar: dict[str, Any]) -> pa.RecordBatch:
    """The items as a batch; columns are found from the data, so the exemplar comes along first."""
    batch = parse_stac_items_to_arrow([exemplar, *items]).read_next_batch()
    return batch.slice(1)
