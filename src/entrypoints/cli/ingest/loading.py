"""One file after the other: opened, mapped, sent, and gone on with where a run was killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.batches import Batch, Mapper, batch_of_lines
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.ingest.journal import Counts, Journal, Progress, identity_of, key_of
from entrypoints.cli.ingest.pieces import Place, Source
from entrypoints.cli.ingest.sending import Answer, Sender
from entrypoints.cli.ingest.sources import LoadOptions, form_of, opened
from entrypoints.cli.ingest.times import TimeReader

_READ_FAULTS: Final = (OSError, EOFError, zlib.error, UnicodeDecodeError, pa.ArrowException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file. `resumed_at`: the line or row at which this run went on with another's work."""

    file: Path
    unit: str
    progress: Progress
    seconds: float
    readings_now: int
    """Those of this run alone."""
    resumed_at: int | None
    refused_file: Path | None

    @property
    def counts(self) -> Counts:
        """Of all starts of the run together."""
        return self.progress.counts


@dataclass(frozen=True, slots=True)
class Loader:
    """Sends files to one service for one token."""

    sender: Sender
    options: LoadOptions
    journals: Path
    target: str
    """The service's address, with whoever the token stands for."""

    def load(self, path: Path, moved: Callable[[int, int | None, int], None]) -> Loaded:
        """Send the file. `moved` hears how far it is, of how much (None: not known), and how many readings that was.

        Raises CommandFailed; everything before what failed is stored, and the next run goes on there.
        """
        identity = _found(path)
        form = form_of(path, self.options.form)
        options = {**asdict(self.options), "form": form}
        times = self.options.time_reader
        with Journal(self.journals, key_of(**identity, options=options, target=self.target)) as journal:
            try:
                with opened(path, form, self.options) as source:
                    batches = batches_of(source, form, self.options.columns, times)
                    loaded = self._send(path, source, batches, journal, moved)
            except _READ_FAULTS as error:
                raise CommandFailed(f"{path} can't be read: {error}", exit_code=os.EX_NOINPUT) from error
            except CommandFailed as error:
                raise CommandFailed(f"{path}: {error}", exit_code=error.exit_code) from error
        if identity_of(path) != identity:
            raise CommandFailed(
                f"{path} was changed while it was read; run the same again for what is new in it"
            )
        return loaded

    def _send(
        self,
        path: Path,
        source: Source,
        batches: Callable[[Place], Iterator[Batch]],
        journal: Journal,
        moved: Callable[[int, int | None, int], None],
    ) -> Loaded:
        progress, is_old = journal.begin(source.begin)
        started, before = time.perf_counter(), progress.counts.readings
        resumed_at = progress.place.line if is_old and progress.batches else None
        moved(progress.place.at, source.total, before)
        sent = self.sender.send_all(progress.run, progress.batches, batches(progress.place))
        with contextlib.closing(sent):
            for batch, answer in sent:
                _account(progress, batch, answer)
                journal.advance(progress, batch.faults)
                moved(progress.place.at, source.total, progress.counts.readings)
        journal.finish(progress)
        return Loaded(
            file=path,
            unit=source.unit,
            progress=progress,
            seconds=time.perf_counter() - started,
            readings_now=progress.counts.readings - before,
            resumed_at=resumed_at,
            refused_file=journal.refused_file if progress.refused_bytes else None,
        )


def target_of(url: str, token: str) -> str:
    """The service and the token, without telling the token."""
    return f"{url} {hashlib.sha256(token.encode()).hexdigest()}"


def _account(progress: Progress, batch: Batch, answer: Answer) -> None:
    counts = progress.counts
    counts.add(rows=batch.rows, empty=batch.empty, ambiguous=batch.ambiguous, nonexistent=batch.nonexistent)
    counts.add(refused=len(batch.faults), accepted=answer.accepted, duplicate=answer.duplicate)
    counts.add(conflict=answer.conflict, rejected=answer.rejected)
    progress.add_faults(sorted([*batch.faults, *answer.faults]))
    progress.place = batch.after
    progress.batches += 1


def batches_of(
    source: Source, form: str, columns: MapOptions, times: TimeReader
) -> Callable[[Place], Iterator[Batch]]:
    """What is sent of the file from a place on. Raises CommandFailed if its columns don't fit the options."""
    if form == "line":
        return lambda start: map(batch_of_lines, source.pieces(start, ()))
    found = columns.resolved(source.names)
    mapper = Mapper(found, times, source.unit)

    def batches(start: Place) -> Iterator[Batch]:
        for piece in source.pieces(start, found.columns):
            batch = mapper.batch(piece)
            if start == source.begin and batch.faults and not batch.body:
                # Rather the options are wrong than every row of it.
                first = batch.faults[0]
                raise CommandFailed.usage(
                    f"none of the first {batch.rows:,} {source.unit}s can be read; {source.unit} {first.line:,}: "
                    f"{first.detail}"
                )
            start = piece.after
            yield batch

    return batches


def _found(path: Path) -> dict[str, object]:
    try:
        if path.is_file():
            return identity_of(path)
        problem = "is no file" if path.exists() else "is not there"
    except OSError as error:
        problem = f"can't be read: {error.strerror}"
    raise CommandFailed(f"{path} {problem}", exit_code=os.EX_NOINPUT)


def total_of(loaded: Sequence[Loaded]) -> Counts:
    """Of all files together."""
    total = Counts()
    for one in loaded:
        total.add(**asdict(one.counts))
    return total
