"""`bench`: measurements of this checkout, side by side with the alternative."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import environment_of, url_of
from entrypoints.cli.stack import servers_alone
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir
from entrypoints.settings import Settings, child_environment

FOLDER: Final = Path(__file__).parents[3] / "bench"
MEASURES_MEMORY: Final = "ingest"


def bench(
    name: Annotated[
        str | None, typer.Argument(help="Which one; without a name, all of them in turn.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Of each arm; without it, as many as make a figure.", min=1)
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="That each round takes.", min=0.1)] = None,
    memory: Annotated[
        bool,
        typer.Option(
            "--memory",
            help="Of `ingest`: how much memory web workers and a worker hold, a round for each million readings.",
        ),
    ] = False,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Measure, and print ratios: each benchmark runs ours and the alternative interleaved, on one database.

    Uses the running stack of the state directory, or starts PostgreSQL and Redis for the time of the measurement.

    Example: holdwater bench append --json
    """
    known = sorted(file.stem for file in FOLDER.glob("*.py"))
    if not known:
        raise CommandFailed(f"there are no benchmarks in {FOLDER}; run this in a checkout of the repository")
    if name is not None and name not in known:
        raise CommandFailed(f"there is no benchmark {name!r}; there are {', '.join(known)}")
    if memory and name != MEASURES_MEMORY:
        raise CommandFailed(f"--memory belongs to `holdwater bench {MEASURES_MEMORY}`")
    with ExitStack() as cleanup:
        if Settings.from_environment().database_url or url_of(state_dir):
            environment = environment_of(state_dir)
        else:
            environment = cleanup.enter_context(servers_alone(state_dir))
        for chosen in [name] if name else known:
            argv = [sys.executable, str(FOLDER / f"{chosen}.py"), *(["--json"] if as_json else [])]
            argv += ["--rounds", str(rounds)] if rounds is not None else []
            argv += ["--seconds", str(seconds)] if seconds is not None else []
            argv += ["--memory"] if memory else []
            if subprocess.run(argv, env=child_environment(environment), check=False).returncode:
                raise CommandFailed(f"the benchmark {chosen} failed")
