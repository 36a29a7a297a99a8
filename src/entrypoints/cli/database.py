"""`migrate` and `doctor`: is everything there that the service stands on."""

from __future__ import annotations

import sys

import typer
from rich.table import Table

from application.ports.readiness import CheckResult
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired

PYTHON_MIN = (3, 11)


def migrate(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Bring the database's schema to what this version expects; as its owner, DATABASE_OWNER_URL.

    Does nothing when the schema is there, waits for its turn when another migration runs, and refuses a schema
    that is newer than the code.

    Example: holdwater migrate
    """
    report = wired(environment_of(state_dir)).migrate()
    if as_json:
        print_json(applied=report.applied, notices=report.notices)
        return
    out.print(f"Applied: {', '.join(report.applied)}." if report.applied else "The schema is up to date.")
    for notice in report.notices:
        out.print(notice)


def doctor(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Check every dependency and setting, and say how to cure each fault; exit status 0 only if none is grave.

    Example: holdwater doctor --json
    """
    container = wired(environment_of(state_dir))
    results = [_python(), *(check() for check in container.doctor_checks())]
    grave = [result for result in results if result.required and result.problem]
    if as_json:
        print_json(
            healthy=not grave,
            checks=[
                {"name": result.name, "required": result.required, "problem": result.problem}
                for result in results
            ],
        )
    else:
        table = Table("check", "result", "what to do")
        for result in results:
            verdict = "ok" if not result.problem else "FAULT" if result.required else "note"
            table.add_row(result.name, verdict, result.problem or "")
        out.print(table)
    if grave:
        raise typer.Exit(1)


def _python() -> CheckResult:
    found = ".".join(map(str, sys.version_info[:3]))
    problem = None if sys.version_info >= PYTHON_MIN else f"this is Python {found}; use 3.11 or newer"
    return CheckResult("python", required=True, problem=problem)
