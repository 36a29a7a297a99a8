"""What commands share: the --state-dir option, the running stack's environment, and --json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

STATE_DIR_DEFAULT: Final = Path("var")

StateDir = Annotated[
    Path,
    typer.Option(
        "--state-dir",
        envvar="HOLDWATER_STATE_DIR",
        help="Where the embedded stack keeps its data, logs and secrets.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(**fields: object) -> None:
    """The last line of stdout: one JSON object."""
    print(json.dumps(fields, default=str))
