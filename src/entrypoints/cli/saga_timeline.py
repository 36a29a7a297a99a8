"""A saga for people at a terminal: what happened when, how far each step is, what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from application.ports.saga_views import JournalEntry, SagaJournalView, SagaStepView, SagaView
from application.ports.sagas import LateReply
from domain.saga.progress import ENDED, SagaStatus, StepState

WIDE_WITH_AGE: Final = 100
WIDE_WITH_ORDER: Final = 140
"""Columns of the terminal from which on a list shows that as well."""

_STYLES: Final = {
    "step_parked": "bold red",
    "step_refused": "yellow",
    "step_put_off": "yellow",
    "compensation_began": "yellow",
    "effect_found": "yellow",
    "repaired": "cyan",
    "completed": "green",
    "compensated": "green",
}
_PARKED: Final = frozenset({StepState.PARKED, StepState.UNDO_PARKED})
_SEEN_TO: Final = frozenset({StepState.DONE, StepState.UNDONE, StepState.ABSENT, StepState.SKIPPED})
_UNTOUCHED: Final = frozenset({StepState.OPEN})


def print_sagas(console: Console, sagas: Sequence[SagaView], now: datetime) -> None:
    """One line for each, with where it stands."""
    with_age, with_order = console.width >= WIDE_WITH_AGE, console.width >= WIDE_WITH_ORDER
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    if with_order:
        table.add_column("order", no_wrap=True)
    if with_age:
        table.add_column("age", no_wrap=True)
    for name in ("status", "next", "step and error"):
        table.add_column(name, overflow="fold")
    for saga in sagas:
        step = _standing(saga)
        where = Text("" if step is None else f"{step.name}: {step.error}" if step.error else step.name)
        due = "" if saga.due_at is None else _ahead(saga.due_at - now)
        status = Text(saga.status.value, style="bold red" if saga.needs_repair else "")
        order = [str(saga.subject_id)] if with_order else []
        age = [lasting(now - saga.created_at)] if with_age else []
        table.add_row(str(saga.id), *order, *age, status, due, where)
    console.print(table)


def print_timeline(console: Console, saga: SagaJournalView, late: Sequence[LateReply], now: datetime) -> None:
    """Everything about one saga."""
    console.print(Text(f"saga   {saga.id}  {saga.definition}"))
    console.print(Text(f"order  {saga.subject_id}"))
    console.print(Text(f"began  {_at(saga.created_at)}, {lasting(now - saga.created_at)} ago"))
    console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("step", no_wrap=True)
    table.add_column("what happened", overflow="fold")
    for entry, what in _told(saga.journal):
        step = "" if entry.step is None else f"{entry.step} #{entry.attempt}" if entry.attempt else entry.step
        style = _STYLES.get(entry.what, "")
        table.add_row(f"+{lasting(entry.at - saga.created_at)}", step, Text(what, style=style))
    console.print(table)
    console.print()
    _print_steps(console, saga)
    if late:
        console.print(Text("\nreplies that came too late, or again, and changed nothing"))
        for reply in late:
            console.print(Text(f"  {_at(reply.received_at)}  {reply.key}\n    {reply.reply}"))
    console.print(Text(f"\n{what_is_next(saga, now)}"))


def what_is_next(saga: SagaView, now: datetime) -> str:
    """In one sentence, with the command to give where an operator has to."""
    parked = [step for step in saga.steps if step.state in _PARKED]
    if parked:
        name, it = parked[0].name, f"{saga.id} --tenant … --step {parked[0].name} --reason …"
        forward_only = parked[0].state is StepState.PARKED and parked[0].kind != "retriable"
        skip = "" if forward_only else f"\n  holdwater sagas skip {it}"
        return f"An operator has to decide on {name}:\n  holdwater sagas retry {it}{skip}"
    if saga.status in ENDED:
        return "It has ended."
    if saga.due_at is None:
        return "It waits for a decision."
    waits = "for a further payment, or the time limit" if saga.status is SagaStatus.WAITING else ""
    step = _standing(saga)
    for_what = waits or (f"to go on with {step.name}" if step else "to go on")
    return f"It waits {for_what}; due {_ahead(saga.due_at - now)}."


def lasting(time: timedelta) -> str:
    """A time as people say it, in two units at most."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours < 1:
        return f"{minutes} min {int(seconds % 60):02d} s"
    if hours < 48:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{hours // 24} d {hours % 24:02d} h"


def _print_steps(console: Console, saga: SagaView) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("step", "kind", "state", "attempt", "tries", "result, or last error"):
        table.add_column(name, overflow="fold", justify="right" if name in {"attempt", "tries"} else "left")
    for step in saga.steps:
        is_untouched = step.state in _UNTOUCHED
        table.add_row(
            step.name,
            step.kind,
            Text(step.state.value, style="bold red" if step.state in _PARKED else ""),
            "" if is_untouched else str(step.attempt),
            str(step.tries) if step.tries else "",
            Text(step.result if step.state in _SEEN_TO else step.error or step.result),
        )
    console.print(table)


def _told(journal: Sequence[JournalEntry]) -> Iterator[tuple[JournalEntry, str]]:
    """Each entry in words; failed tries are numbered from when the step had its turn, and an error is said once."""
    tries: Counter[tuple[str | None, str | None]] = Counter()
    before: object = None
    for entry in journal:
        turn = (entry.step, entry.direction)
        if entry.what in {"repaired", "attempt_began", "effect_found"}:
            tries.clear()
        if entry.what in {"step_put_off", "step_parked"}:
            tries[turn] += 1
        is_same = (turn, entry.error) == before
        before = (turn, entry.error) if entry.error else None
        yield entry, _words(entry, tries[turn], "the same" if is_same else entry.error)


def _words(entry: JournalEntry, tries: int, error: str | None) -> str:
    goes_back = "undo: " if entry.direction == "undo" else ""
    match entry.what:
        case "started":
            return "it began"
        case "step_succeeded":
            return f"done: {entry.result}" if entry.result else "done"
        case "step_refused":
            return f"refused: {entry.reason}"
        case "step_put_off":
            what = "gave no clear answer" if entry.is_unclear else "failed"
            pause = "" if entry.due_at is None else f"; again after {lasting(entry.due_at - entry.at)}"
            return f"{goes_back}try {tries} {what}: {error}{pause}"
        case "step_parked":
            return f"{goes_back}parked after {tries} {'try' if tries == 1 else 'tries'}: {error}"
        case "attempt_began":
            return f"a further attempt began{_by(entry)}"
        case "compensation_began":
            return f"what was done is being undone{_by(entry)}: {entry.reason}"
        case "step_undone":
            return entry.result or ""
        case "effect_found":
            return f"had been carried out after all, and is undone: {entry.result}"
        case "repaired":
            how = "tried again" if entry.how == "retry" else "taken as seen to"
            return f"{goes_back}{how}, decided by {entry.operator}: {entry.reason}"
        case "completed":
            return "all steps are done"
        case "compensated":
            return "nothing of what was done is left"
    return entry.what


def _by(entry: JournalEntry) -> str:
    return "" if entry.actor == "saga" else f" by {entry.actor}"


def _standing(saga: SagaView) -> SagaStepView | None:
    """The step that matters now: a parked one, else the one whose turn it is."""
    by_weight = (_PARKED, {StepState.CURRENT}, {StepState.REFUSED} if saga.status not in ENDED else set())
    for states in by_weight:
        for step in saga.steps:
            if step.state in states:
                return step
    if saga.status is SagaStatus.COMPENSATING:
        return next((step for step in reversed(saga.steps) if step.state is StepState.DONE), None)
    return None


def _ahead(time: timedelta) -> str:
    return "now" if time <= timedelta(0) else f"in {lasting(time)}"


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
