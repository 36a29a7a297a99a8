"""Runs the stages of `make test`, each as its own process, and prints their times against the budgets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CACHE = BIN.parent / "cache"

# Past this multiple of its budget a stage hangs: it is stopped and counts as failed.
HANGS_AFTER_BUDGETS = 5
STOP_GRACE_S = 20

PYTEST = (sys.executable, "-m", "pytest")
# A file stays in one worker, with what it has started. Integration has one worker more than there are cores, each with
# servers and state directories of its own: half of the time is waiting for servers that start and stop.
UNIT_WORKERS = ("-n", "2", "--dist", "loadfile")
INTEGRATION_WORKERS = ("-n", "3", "--dist", "loadfile")
UNIT_COVERAGE = ("--cov", "--cov-report=term:skip-covered", "--cov-fail-under=95")


@dataclass(frozen=True)
class Stage:
    """A named group of commands with its budget in seconds.

    `folder` holds the tests that it runs, but for those under `without`; empty for checks of the whole tree.
    """

    name: str
    budget_s: int
    commands: tuple[tuple[str, ...], ...]
    folder: str = ""
    without: str = "-"

    @property
    def exists(self) -> bool:
        """Whether there is anything to run: a folder without a test file is not a stage yet."""
        if not self.folder:
            return True
        return any(
            not file.is_relative_to(ROOT / self.without) for file in (ROOT / self.folder).rglob("test_*.py")
        )


@dataclass(frozen=True)
class Outcome:
    """What a stage came to: its seconds, and the commands that failed."""

    stage: Stage
    seconds: float
    failed: tuple[str, ...]


STAGES = (
    Stage(
        "static",
        60,
        (
            (f"{BIN}/ruff", "check", "."),
            (f"{BIN}/ruff", "format", "--check", "."),
            (f"{BIN}/lint-imports", "--no-logo", "--cache-dir", f"{CACHE}/import_linter"),
            (f"{BIN}/mypy", "src", "tests"),
            (f"{BIN}/django-admin", "makemigrations", "--check", "--dry-run", "--skip-checks"),
            (sys.executable, "tests/guarantees.py", "--check"),
        ),
    ),
    Stage("unit", 20, ((*PYTEST, "tests/unit", *UNIT_WORKERS, *UNIT_COVERAGE),), "tests/unit"),
    Stage("contracts", 90, ((*PYTEST, "tests/integration/contracts"),), "tests/integration/contracts"),
    Stage(
        "integration",
        300,
        ((*PYTEST, "tests/integration", "--ignore=tests/integration/contracts", *INTEGRATION_WORKERS),),
        "tests/integration",
        without="tests/integration/contracts",
    ),
    Stage("fuzz", 120, ((*PYTEST, "tests/fuzz"),), "tests/fuzz"),
    Stage("chaos", 180, ((*PYTEST, "tests/chaos", "-o", "faulthandler_timeout=0"),), "tests/chaos"),
    Stage("simulation", 120, ((*PYTEST, "tests/simulation"),), "tests/simulation"),
)


def main(names: Sequence[str]) -> int:
    """Run the named stages, or all; answer 0 when everything passed."""
    unknown = sorted(set(names) - {stage.name for stage in STAGES})
    if unknown:
        known = ", ".join(stage.name for stage in STAGES)
        print(f"No stage is called {', '.join(unknown)}. The stages are: {known}.", file=sys.stderr)
        return 2
    chosen = [stage for stage in STAGES if stage.exists and (not names or stage.name in names)]
    outcomes = [_run(stage) for stage in chosen]
    _print_table(outcomes)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _run(stage: Stage) -> Outcome:
    started = time.monotonic()
    deadline = started + stage.budget_s * HANGS_AFTER_BUDGETS
    failed = []
    for command in stage.commands:
        shown = " ".join(part.removeprefix(f"{BIN}/") for part in command)
        print(f"\n== {stage.name}: {shown}", flush=True)
        if _exit_status(command, deadline) != 0:
            failed.append(shown)
    return Outcome(stage, time.monotonic() - started, tuple(failed))


def _exit_status(command: tuple[str, ...], deadline: float) -> int:
    """The command's exit status; a command that passes the deadline is stopped with all its children."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "entrypoints.django_site.settings"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        print(f"The stage hangs: {' '.join(command)} is stopped.", flush=True)
        _stop_group(process)
        return 1
    except KeyboardInterrupt:
        _stop_group(process)
        raise


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the process group, so that fixtures clean up; kill what is left after the grace time."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _print_table(outcomes: list[Outcome]) -> None:
    print(f"\n{'stage':<12} {'seconds':>8} {'budget':>7}  result")
    for outcome in outcomes:
        result = "FAILED" if outcome.failed else "passed"
        if outcome.seconds > outcome.stage.budget_s:
            result += "  OVER BUDGET"
        print(f"{outcome.stage.name:<12} {outcome.seconds:>8.1f} {outcome.stage.budget_s:>7}  {result}")
    for outcome in outcomes:
        for command in outcome.failed:
            print(f"failed in {outcome.stage.name}: {command}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
