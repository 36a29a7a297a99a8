"""Which columns of a file are what: the options --map, --device, --metric and --labels, held against its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.telemetry.reading import LABELS_MAX
from entrypoints.cli.errors import CommandFailed

TS, VALUE, DEVICE, METRIC = "ts", "value", "device", "metric"
FIELDS: Final = (TS, VALUE, DEVICE, METRIC)
COLUMNS_SHOWN_MAX: Final = 20
VALUE_COLUMNS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A name that all rows have, or the column that holds it."""

    name: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The columns of one file. `metric` None: each value column's own name is the metric of its values."""

    ts: str
    values: tuple[str, ...]
    device: Chosen
    metric: Chosen | None
    labels: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All that have to be read, each once."""
        named = (self.device.column, self.metric.column if self.metric else "")
        return tuple(dict.fromkeys(filter(None, (self.ts, *self.values, *named, *self.labels))))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """What the caller said; `mapped` holds the pairs of --map in their order."""

    mapped: tuple[tuple[str, str], ...] = ()
    device: str | None = None
    metric: str | None = None
    labels: tuple[str, ...] = ()

    @staticmethod
    def of(maps: Sequence[str], device: str | None, metric: str | None, labels: Sequence[str]) -> MapOptions:
        """From the options as they were typed. Raises CommandFailed."""
        mapped: list[tuple[str, str]] = []
        for pair in _split(maps):
            field, is_pair, column = pair.partition("=")
            if not is_pair or field not in FIELDS or not column:
                raise CommandFailed.usage(
                    f"--map {pair!r}: each part is FIELD=COLUMN, with a field of {', '.join(FIELDS)}"
                )
            if field != VALUE and field in dict(mapped):
                raise CommandFailed.usage(f"--map names {field} twice; only value may have several columns")
            mapped.append((field, column))
        options = MapOptions(
            mapped=tuple(mapped), device=device, metric=metric, labels=tuple(dict.fromkeys(_split(labels)))
        )
        options._require_sound()
        return options

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Those that were named, each once."""
        return tuple(dict.fromkeys(column for field, column in self.mapped if field == VALUE))

    def resolved(self, header: Sequence[str] | None) -> ColumnMap:
        """For a file with these columns; None: they are not known, so what is not said has its usual name.

        Raises CommandFailed that names what is missing, and what there is.
        """
        values = self.value_columns
        device = self._chosen(DEVICE, self.device, header)
        if device is None:
            raise CommandFailed.usage(
                f"which device measured this? Say --device NAME, or --map device=COLUMN. {_there_are(header)}"
            )
        metric = self._chosen(METRIC, self.metric, header)
        if metric is None and not values:
            raise CommandFailed.usage(
                f"what was measured? Say --metric NAME, or --map metric=COLUMN. {_there_are(header)}"
            )
        ts = dict(self.mapped).get(TS, TS)
        found = ColumnMap(ts=ts, values=values or (VALUE,), device=device, metric=metric, labels=self.labels)
        for column in found.columns if header is not None else ():
            if column not in (header or ()):
                field = next((one for one, name in self.mapped if name == column), column)
                raise CommandFailed.usage(f"there is no column {column!r} for {field}. {_there_are(header)}")
            if (header or ()).count(column) > 1:
                raise CommandFailed.usage(f"two columns are called {column!r}; give each a name of its own")
        return found

    def _chosen(self, field: str, name: str | None, header: Sequence[str] | None) -> Chosen | None:
        if name is not None:
            return Chosen(name=name)
        column = dict(self.mapped).get(field)
        if column is None and field == METRIC and any(one == VALUE for one, _ in self.mapped):
            # The columns that were named speak for themselves; `metric` has to be mapped to count.
            return None
        if column is None and header is not None and field in header:
            column = field
        return None if column is None else Chosen(column=column)

    def _require_sound(self) -> None:
        fields = [field for field, _ in self.mapped]
        for field, name in ((DEVICE, self.device), (METRIC, self.metric)):
            if name is not None and field in fields:
                raise CommandFailed.usage(f"--{field} and --map {field}=… exclude each other")
            if name == "":
                raise CommandFailed.usage(f"--{field} must not be empty")
        if fields.count(VALUE) > 1 and (self.metric is not None or METRIC in fields):
            raise CommandFailed.usage(
                "several value columns are metrics of their own names; leave metric out"
            )
        if fields.count(VALUE) > VALUE_COLUMNS_MAX:
            raise CommandFailed.usage(f"there may be {VALUE_COLUMNS_MAX:,} value columns")
        if len(self.labels) > LABELS_MAX:
            raise CommandFailed.usage(f"there may be {LABELS_MAX} labels")
        for label in self.labels:
            if label in FIELDS:
                raise CommandFailed.usage(f"a label can't be called {label}")


def _split(options: Sequence[str]) -> list[str]:
    return [part.strip() for option in options for part in option.split(",") if part.strip()]


def _there_are(header: Sequence[str] | None) -> str:
    shown = ", ".join((header or ())[:COLUMNS_SHOWN_MAX])
    more = ", …" if len(header or ()) > COLUMNS_SHOWN_MAX else ""
    return f"The columns are: {shown}{more}"
