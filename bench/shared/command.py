"""The command line of every benchmark: how often to measure, and how the result is told."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from entrypoints.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured.

    `missed_goals` says which ratio is below its goal; `failures`, what was not stored as it was answered; `warning`,
    what takes from the worth of the figures.
    """

    missed_goals: list[str]
    failures: list[str]
    warning: str | None = None

    def to_table(self) -> Table:
        """For people."""
        raise NotImplementedError


class Run(Protocol):
    """Measures; raises RuntimeError with one sentence where it can't."""

    def __call__(
        self, settings: Settings, *, rounds: int, round_s: float, report: Callable[[str], Any]
    ) -> Result: ...


def measure(run: Run, arguments: Sequence[str], *, rounds: int, round_s: float) -> None:
    """Run, with the benchmark's own figures where the arguments say nothing, and print.

    The table for people, or with `--json` one JSON object; progress and notices go to stderr. Ends the process with
    1 after failures, and if the arguments are wrong.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=round_s)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(arguments)
    try:
        result = run(
            Settings.from_environment(),
            rounds=wanted.rounds,
            round_s=wanted.seconds,
            report=lambda line: print(line, file=sys.stderr),
        )
    except RuntimeError as error:
        sys.exit(str(error))
    if wanted.json:
        print(json.dumps(asdict(result)))
    else:
        Console().print(result.to_table())
    for notice in (*result.missed_goals, *([result.warning] if result.warning else [])):
        print(notice, file=sys.stderr)
    if result.failures:
        sys.exit("; ".join(result.failures))
