"""`ingest`: files of readings, through the public API."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from domain.telemetry.reading import READINGS_MAX
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.running import development_token_file, url_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, err, out, print_json

BATCH_ROWS_DEFAULT: Final = 10_000
CONNECTIONS_DEFAULT: Final = 4
CONNECTIONS_MAX: Final = 32
PRECISIONS: Final = ("ns", "us", "ms", "s")


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What to send.", show_default=False)],
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv, ndjson, arrow, parquet or line; else by the file's name."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="The device of all readings.")] = None,
    metric: Annotated[str | None, typer.Option(help="The metric of all readings.")] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="Which column is what: ts=date,value=temp,device=station,metric=kind. Several of value are metrics "
            "of their own names.",
        ),
    ] = None,
    labels: Annotated[list[str] | None, typer.Option(help="Columns that become labels, as a,b.")] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            help="unix, unix-ms, unix-us, unix-ns, rfc3339, or a pattern such as '%Y/%m/%d %H:%M'; ISO 8601 if none."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--timezone", help="Where the clock hung: an IANA zone for times without one."),
    ] = None,
    fold: Annotated[
        int,
        typer.Option(
            help="Of times that the clock showed twice: 0 means the first, 1 the second.", min=0, max=1
        ),
    ] = 0,
    precision: Annotated[
        str, typer.Option(help="Unit of the times in line protocol: ns, us, ms or s.")
    ] = "ns",
    delimiter: Annotated[str | None, typer.Option(help="Between the columns of CSV, if not a comma.")] = None,
    batch_rows: Annotated[
        int, typer.Option(help="Rows of the file in one request.", min=1, max=READINGS_MAX)
    ] = BATCH_ROWS_DEFAULT,
    connections: Annotated[
        int, typer.Option(help="Requests at the same time.", min=1, max=CONNECTIONS_MAX)
    ] = CONNECTIONS_DEFAULT,
    url: Annotated[
        str | None,
        typer.Option(envvar="HOLDWATER_URL", help="Of the service, if not that of the state directory."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="HOLDWATER_TOKEN", help="If not that of the state directory's stack.")
    ] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send files of readings to a running service; good rows are stored, bad ones named by their line.

    Nothing doubles, however often a file is sent. A run that was killed is gone on with when it is called again.
    Exit status 0 only if every reading is stored; 65 if some were refused, and all others are stored.

    Example: holdwater ingest temperatures.csv --device seattle --map ts=date,value=temp --timezone Etc/GMT+8
    """
    columns = MapOptions.of(maps or [], device, metric, labels or [])
    if delimiter is not None and (len(delimiter.encode()) != 1 or delimiter in '"\r\n'):
        raise CommandFailed.usage("--delimiter takes one ASCII character; for a tab, --delimiter $'\\t'")
    if precision not in PRECISIONS:
        raise CommandFailed.usage(f"--precision {precision!r} is none of {', '.join(PRECISIONS)}")
    found_url, found_token = _service(url, token, state_dir)
    # pyarrow takes a third of a second to load: too long for an option that is mistyped, and for --help.
    loading = importlib.import_module("entrypoints.cli.ingest.loading")
    sending = importlib.import_module("entrypoints.cli.ingest.sending")
    sources = importlib.import_module("entrypoints.cli.ingest.sources")
    report = importlib.import_module("entrypoints.cli.ingest.report")
    options = sources.LoadOptions(
        columns=columns,
        form=form,
        delimiter=delimiter,
        time_format=time_format,
        zone=zone,
        fold=fold,
        precision=precision,
        batch_rows=batch_rows,
    )
    sender = sending.Sender.to(found_url, found_token, connections=connections, precision=precision)
    loader = loading.Loader(
        sender, options, state_dir.absolute() / "ingest", loading.target_of(found_url, found_token)
    )
    try:
        loaded = _load_all(loader, files)
    finally:
        sender.close()
    report.print_report(out, loaded)
    figures = report.figures(loaded)
    if as_json:
        print_json(**figures)
    missing = figures["rejected"] + figures["refused"]
    if missing:
        raise CommandFailed(
            f"{missing:,} of {figures['readings']:,} readings were refused; mend them and send the file again",
            exit_code=os.EX_DATAERR,
        )


def _load_all(loader: Any, files: list[Path]) -> list[Any]:
    loaded = []
    with _bar() as bar:
        for file in files:
            task = bar.add_task(file.name, total=None, readings=0)

            def moved(done: int, total: int | None, readings: int, task: Any = task) -> None:
                bar.update(task, completed=done, total=total, readings=readings)

            loaded.append(loader.load(file, moved))
    return loaded


def _service(url: str | None, token: str | None, state_dir: Path) -> tuple[str, str]:
    """Its address and a token: as said, else those of the stack that runs on the state directory."""
    if url is not None:
        if token is None:
            raise CommandFailed.usage("--url needs a --token of that service, or HOLDWATER_TOKEN")
        return url, token
    found = url_of(state_dir)
    if found is None:
        raise CommandFailed(
            f"no stack runs on {state_dir}; start one with `holdwater up`, or say --url and --token",
            exit_code=os.EX_UNAVAILABLE,
        )
    if token is not None:
        return found, token
    try:
        return found, development_token_file(state_dir).read_text(encoding="ascii").strip()
    except OSError as error:
        raise CommandFailed(
            f"{state_dir} has no token ({error.strerror}); say --token", exit_code=os.EX_NOPERM
        ) from error


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[readings]:,} readings"),
        TimeRemainingColumn(),
        console=err,
    )
