"""`status`: what runs, and how far it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.table import Table

from adapters.embedded.daemon import StackStatus, stack_status
from adapters.embedded.state_directory import StateDirectory
from application.ports.heartbeats import Sighting
from application.ports.outbox import ConsumerLag
from application.ports.readiness import NotFit
from application.ports.schedules import ScheduleState
from application.ports.unit_of_work import StoreUnavailable
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the database tells of the roles and of what is before them."""

    roles: Sequence[Sighting] = ()
    consumers: Sequence[ConsumerLag] = ()
    jobs: Sequence[ScheduleState] = ()
    unknown_because: str | None = None

    @property
    def oldest_unsent_s(self) -> float | None:
        """Age of the oldest message that is on its way; None without any."""
        return max((lag.oldest_age_s for lag in self.consumers if lag.oldest_age_s is not None), default=None)

    @property
    def oldest_dead_letter_s(self) -> float | None:
        """How long ago the first message that is still a dead letter was given up; None without any."""
        ages = (lag.oldest_parked_age_s for lag in self.consumers if lag.oldest_parked_age_s is not None)
        return max(ages, default=None)


def status(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show what runs, and how far it is.

    Processes of the stack of this state directory; over the whole installation: the roles that live or were lost within
    the hour, messages on their way, dead letters, scheduled jobs. Exit status 0 if the stack is ready, or the database
    that DATABASE_URL names answers.

    Example: holdwater status --json
    """
    found = stack_status(StateDirectory(state_dir))
    is_elsewhere = bool(Settings.from_environment().database_url)
    work = _ask(state_dir) if is_elsewhere or found.is_running else _Work(unknown_because="nothing runs here")
    if as_json:
        _print_json(found, work)
    else:
        if not (is_elsewhere and found.state == "absent"):
            _print_stack(found, state_dir)
        _print_work(work)
    is_well = work.unknown_because is None if is_elsewhere else found.state == "ready"
    if not is_well:
        raise typer.Exit(1)


def _ask(state_dir: Path) -> _Work:
    try:
        container = wired(environment_of(state_dir))
        container.require_system_role()
        return _Work(
            roles=container.heartbeats().sightings(),
            consumers=container.backlog().lag(),
            jobs=container.schedules().states(),
        )
    except (StoreUnavailable, NotFit) as error:
        return _Work(unknown_because=str(error))


def _print_json(found: StackStatus, work: _Work) -> None:
    print_json(
        state=found.state,
        url=found.url,
        started_at=found.started_at,
        processes=dict(found.processes),
        redis=found.redis,
        error=found.error,
        roles=[
            {**dataclasses.asdict(seen.process), "seen_ago_s": seen.seen_ago_s, "alive": seen.is_alive}
            for seen in work.roles
        ],
        consumers=[dataclasses.asdict(lag) for lag in work.consumers],
        oldest_unsent_s=work.oldest_unsent_s,
        oldest_dead_letter_s=work.oldest_dead_letter_s,
        jobs=[dataclasses.asdict(job) for job in work.jobs],
        unknown_because=work.unknown_because,
    )


def _print_stack(found: StackStatus, state_dir: Path) -> None:
    table = Table(title=f"{state_dir}: {found.state}", title_justify="left", show_header=True)
    table.add_column("process")
    table.add_column("pid", justify="right")
    for name, pid in {"supervisor": found.supervisor_pid, **found.processes}.items():
        table.add_row(name, str(pid) if pid else "not running")
    out.print(table)
    if found.url and found.is_running:
        out.print(f"API {found.url}/v1   docs {found.url}/docs   redis {found.redis}")
    if found.error:
        out.print(found.error)


def _print_work(work: _Work) -> None:
    if work.unknown_because is not None:
        out.print(f"Roles, messages and jobs are unknown: {work.unknown_because}", soft_wrap=True)
        return
    roles = Table("role", "host", "pid", "since", "heard of", title="Roles", title_justify="left")
    for seen in work.roles:
        heard = f"{seen.seen_ago_s:,.0f} s ago" + ("" if seen.is_alive else ", lost")
        process = seen.process
        roles.add_row(
            process.role, process.host, str(process.pid), f"{process.started_at:%Y-%m-%d %H:%M:%S}", heard
        )
    out.print(roles if work.roles else "No role has been heard of.")
    jobs = Table("job", "next run", "last run", "error", title="Scheduled jobs", title_justify="left")
    for job in work.jobs:
        due = "running" if job.is_running else f"in {max(job.due_in_s, 0):,.0f} s"
        jobs.add_row(job.job, due, _ago(job.ended_ago_s) or "never", job.error)
    if work.jobs:
        out.print(jobs)
    pending, dead = sum(lag.pending for lag in work.consumers), sum(lag.parked for lag in work.consumers)
    unsent = f", the oldest {_ago(work.oldest_unsent_s)}" if pending else ""
    given_up = f", the oldest {_ago(work.oldest_dead_letter_s)}" if dead else ""
    out.print(f"Messages: {pending:,} on their way{unsent}; {dead:,} dead letters{given_up}.")


def _ago(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.0f} s ago"
