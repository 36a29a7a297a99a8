"""What became of the files: a table, and the same for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table

from entrypoints.cli.ingest.journal import FAULTS_NAMED_MAX
from entrypoints.cli.ingest.loading import Loaded, total_of

WIDTH_MIN: Final = 64


def print_report(console: Console, loaded: Sequence[Loaded]) -> None:
    """The table, then the first faults by line, and where the others can be read."""
    for one in loaded:
        if one.resumed_at is not None:
            console.print(
                f"{one.file}: gone on with at {one.unit} {one.resumed_at:,}", markup=False, soft_wrap=True
            )
    counts = total_of(loaded)
    name = str(loaded[0].file) if len(loaded) == 1 else f"{len(loaded)} files"
    table = Table(title=name, show_header=False, title_justify="left", min_width=WIDTH_MIN)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("rows read", f"{counts.rows:,}")
    table.add_row("readings", f"{counts.readings:,}")
    if counts.empty:
        table.add_row("cells without a value, no readings", f"{counts.empty:,}")
    table.add_row("accepted", f"{counts.accepted:,}")
    table.add_row("duplicates", f"{counts.duplicate:,}")
    if counts.conflict:
        table.add_row("of them with another value (conflict)", f"{counts.conflict:,}")
    table.add_row("rejected by the service", f"{counts.rejected:,}")
    table.add_row("refused before sending", f"{counts.refused:,}")
    if counts.nonexistent:
        table.add_row("of them at times that the clock never showed", f"{counts.nonexistent:,}")
    if counts.ambiguous:
        table.add_row("at times that the clock showed twice", f"{counts.ambiguous:,}")
    seconds = sum(one.seconds for one in loaded)
    now = sum(one.readings_now for one in loaded)
    table.add_row("readings a second", f"{now / seconds if seconds else 0:,.0f}  ({seconds:.1f} s)")
    console.print(table)
    for one in loaded:
        _print_faults(console, one)


def figures(loaded: Sequence[Loaded]) -> dict[str, object]:
    """The same for programs; `duplicate` has the conflicts in it, `refused` was never sent."""
    return {
        **asdict(total_of(loaded)),
        "readings": total_of(loaded).readings,
        "seconds": sum(one.seconds for one in loaded),
        "files": [
            {
                "file": str(one.file),
                **asdict(one.counts),
                "readings": one.counts.readings,
                "seconds": one.seconds,
                "resumed_at": one.resumed_at,
                "faults": [fault._asdict() for fault in one.progress.faults],
                "refused_file": None if one.refused_file is None else str(one.refused_file),
            }
            for one in loaded
        ],
    }


def _print_faults(console: Console, one: Loaded) -> None:
    for fault in one.progress.faults:
        console.print(
            f"{one.file}, {one.unit} {fault.line:,}: {fault.reason}: {fault.detail}",
            markup=False,
            soft_wrap=True,
        )
    more = one.counts.rejected + one.counts.refused - len(one.progress.faults)
    if more > 0:
        console.print(f"and {more:,} more after the first {FAULTS_NAMED_MAX}")
    if one.counts.rejected:
        console.print("What the service rejected can be read, and replayed, at /v1/rejects.")
    if one.refused_file is not None:
        console.print(f"What was refused before sending stands in {one.refused_file}.", soft_wrap=True)
