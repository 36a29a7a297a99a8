"""What every benchmark can be told on its command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arguments:
    """How often and how long each arm is measured, and whether the result is printed for machines."""

    rounds: int
    round_s: float
    as_json: bool


def parse(arguments: Sequence[str], *, rounds: int, round_s: float) -> Arguments:
    """The arguments, with the benchmark's own figures where they say nothing. Ends the process if they are wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=round_s)
    parser.add_argument("--json", action="store_true")
    found = parser.parse_args(arguments)
    return Arguments(found.rounds, found.seconds, found.json)
