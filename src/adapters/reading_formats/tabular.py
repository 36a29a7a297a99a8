"""What CSV and Arrow have in common: named columns of texts, of which those without a meaning are labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from adapters.reading_formats.assembly import Array, combined
from application.ports.reading_decoder import MalformedBatch
from domain.telemetry.reading import LABELS_MAX, SeriesKey

NUMBERED: Final = ("ts", "value")
NAMED: Final = ("device", "metric")


class Texts(NamedTuple):
    """A column: its distinct texts, and the place of each row's in them."""

    distinct: Sequence[str]
    place_of: Array


def labels_among(names: Sequence[str], device: str | None, metric: str | None) -> list[str]:
    """The columns that are labels. Raises MalformedBatch for columns that are missing, double or too many."""
    if len(set(names)) < len(names):
        raise MalformedBatch(problem="two columns have the same name")
    for name in NUMBERED:
        if name not in names:
            raise MalformedBatch(
                problem=f"the column {name} is missing; the first line has to name the columns"
            )
    for name, one in zip(NAMED, (device, metric), strict=True):
        if name not in names and one is None:
            raise MalformedBatch(
                problem=f"the column {name} is missing; send it, or name the one {name} in the query"
            )
    labels = [name for name in names if name not in (*NUMBERED, *NAMED)]
    if len(labels) > LABELS_MAX:
        raise MalformedBatch(problem=f"{len(labels)} columns are labels; there may be {LABELS_MAX}")
    return labels


def one_for_all(text: str, count: int) -> Texts:
    """A column of one text."""
    return Texts([text], np.zeros(count, np.int32))


def series_of(
    device: Texts, metric: Texts, labels: Iterable[tuple[str, Texts]]
) -> tuple[tuple[SeriesKey, ...], Array]:
    """The distinct series, and the place of each row's; an empty label is none."""
    names, columns = [], [device, metric]
    for name, texts in sorted(labels):
        names.append(name)
        columns.append(texts)
    rows, key_of = combined([(len(column.distinct), column.place_of) for column in columns])
    if not names:
        return tuple(SeriesKey(device.distinct[d], metric.distinct[m]) for d, m in rows), key_of
    keys = (_key(names, *(c.distinct[at] for c, at in zip(columns, row, strict=True))) for row in rows)
    return tuple(keys), key_of


def _key(names: Sequence[str], device: str, metric: str, *values: str) -> SeriesKey:
    return SeriesKey(device, metric, tuple((n, v) for n, v in zip(names, values, strict=True) if v))
