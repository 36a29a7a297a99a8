"""How a file is read: the options, and the source for its form."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from domain.telemetry.reading import READINGS_MAX
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.ingest.pieces import Source
from entrypoints.cli.ingest.table_sources import Arrow, Parquet
from entrypoints.cli.ingest.text_sources import GZIP_SUFFIX, Csv, LineProtocol, Ndjson
from entrypoints.cli.ingest.times import TimeReader
from entrypoints.cli.ingest.zones import Clock

FORMATS: Final = ("csv", "ndjson", "arrow", "parquet", "line")
_BY_SUFFIX: Final = {
    ".csv": "csv", ".tsv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".arrow": "arrow", ".arrows": "arrow",
    ".feather": "arrow", ".parquet": "parquet", ".line": "line", ".lp": "line",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How files are read and mapped; what another run has to have alike to go on with this one's work."""

    columns: MapOptions
    form: str | None = None
    delimiter: str | None = None
    time_format: str | None = None
    zone: str | None = None
    fold: int = 0
    precision: str = "ns"
    batch_rows: int = 10_000

    @property
    def time_reader(self) -> TimeReader:
        """Raises CommandFailed if format or zone are not known."""
        return TimeReader(self.time_format, None if self.zone is None else Clock(self.zone, self.fold))


def form_of(path: Path, form: str | None) -> str:
    """What is in the file: as said, else by its name. Raises CommandFailed."""
    suffix = path.with_suffix("").suffix if path.suffix == GZIP_SUFFIX else path.suffix
    found = form or _BY_SUFFIX.get(suffix.lower())
    if found not in FORMATS:
        raise CommandFailed.usage(f"{path}: what is in it? Say --format {', '.join(FORMATS)}")
    if path.suffix == GZIP_SUFFIX and found in {"arrow", "parquet"}:
        raise CommandFailed.usage(f"{path}: unpack it first; only files of text are read gzipped")
    return found


@contextmanager
def opened(path: Path, form: str, options: LoadOptions) -> Iterator[Source]:
    """The file, for the time of the block. Raises CommandFailed if it is not of that form."""
    rows = min(options.batch_rows, max(READINGS_MAX // max(len(options.columns.value_columns), 1), 1))
    source: Any
    match form:
        case "csv":
            source = Csv(path, rows, options.delimiter or ("\t" if ".tsv" in path.suffixes else ","))
        case "ndjson":
            source = Ndjson(path, rows)
        case "line":
            source = LineProtocol(path, rows)
        case "arrow":
            source = Arrow(path, rows)
        case _:
            source = Parquet(path, rows)
    with contextlib.closing(source):
        yield source
