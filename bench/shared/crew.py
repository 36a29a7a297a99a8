"""Processes that wait for lines and answer each with a line, so that all of them begin a round together."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

STOP_TIMEOUT_S: Final = 30.0
READY: Final = "ready"
"""What a process answers to its first line."""

Crew = Sequence["subprocess.Popen[str]"]


@contextmanager
def crew(name: str, argv: Sequence[str], orders: Sequence[str]) -> Iterator[Crew]:
    """A process for each of the orders, its first line; all are ready, and wait for rounds.

    Orders go through pipes, since they may hold passwords, which don't belong onto a command line.
    Raises RuntimeError if one does not get ready.
    """
    members: list[subprocess.Popen[str]] = []
    try:
        for _ in orders:
            members.append(  # noqa: PERF401 - those that have started are ended if a later one can't be
                subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for member, order in zip(members, orders, strict=True):
            _say(member, order)
        for member in members:
            if _hear(member) != READY:
                raise RuntimeError(f"a process of {name!r} did not start; its error stands above")
        yield members
    finally:
        for member in members:
            member.stdin.close()  # type: ignore[union-attr]
        for member in members:
            try:
                member.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
            member.stdout.close()  # type: ignore[union-attr]


def ask(members: Crew, line: str) -> list[str]:
    """Say the line to all at once; what each answers. Raises RuntimeError if one ends instead."""
    for member in members:
        _say(member, line)
    answers = [_hear(member) for member in members]
    if not all(answers):
        raise RuntimeError("a process ended in the middle of a round; its error stands above")
    return answers


def _say(member: subprocess.Popen[str], line: str) -> None:
    member.stdin.write(line + "\n")  # type: ignore[union-attr]
    member.stdin.flush()  # type: ignore[union-attr]


def _hear(member: subprocess.Popen[str]) -> str:
    return member.stdout.readline().strip()  # type: ignore[union-attr]
