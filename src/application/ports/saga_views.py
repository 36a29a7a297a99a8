"""Sagas as operators read them: how far each is, and everything that ever happened to it (S12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from application.ports.event_store import RecordedEvent
from domain.saga.progress import Direction, SagaStatus, StepState, call_key
from domain.saga.saga import Saga

JOURNAL_MAX: Final = 10_000
"""Entries of one journal that are shown, the first ones; a day of tries makes fewer than three thousand."""

_EFFECT_IS_KNOWN_BY: Final = frozenset({"saga.step_succeeded", "saga.effect_found"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepView:
    """One step as it stands. `error` is the last one of this attempt.

    `key` and `undo_key` are those of its calls to the outside in the present attempt, the same on every try (S3);
    null where it makes none.
    """

    name: str
    kind: str
    state: StepState
    attempt: int
    tries: int
    result: str
    error: str
    key: str | None
    undo_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaView:
    """A saga at one version.

    `needs_repair`: a step is parked, though others may go on. `due_at` is when the next thing is tried, or the deadline
    falls due; null while it rests.
    """

    id: UUID
    version: int
    definition: str
    subject_id: UUID
    status: SagaStatus
    needs_repair: bool
    reason: str | None
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    due_at: datetime | None
    steps: tuple[SagaStepView, ...]

    @classmethod
    def of(cls, saga: Saga) -> SagaView:
        """The view of the aggregate as it stands."""
        return SagaView(**_state_of(saga))


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing that happened, at the version that the saga has had since; null is what it doesn't tell.

    `actor` brought it about: `saga` for the worker, else who called. `key` is that of the call to the outside that it
    tells of. `due_at`: until when the saga then paused; `how`: what the operator did.
    """

    version: int
    at: datetime
    what: str
    actor: str
    step: str | None
    attempt: int | None
    direction: str | None
    key: str | None
    result: str | None
    error: str | None
    is_unclear: bool | None
    due_at: datetime | None
    how: str | None
    operator: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaJournalView(SagaView):
    """A saga at one version, with all that has led there, oldest first."""

    journal: tuple[JournalEntry, ...]

    @classmethod
    def read(cls, saga: Saga, events: Iterable[RecordedEvent]) -> SagaJournalView:
        """Of the aggregate as it stands and the events of its stream, in their order."""
        return cls(**_state_of(saga), journal=tuple(_entries(saga, events)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaFilter:
    """Which sagas are wanted; None admits all."""

    status: SagaStatus | None = None
    definition: str | None = None
    needs_repair: bool | None = None


class SagaViews(Protocol):
    """Reads what is committed of one tenant's sagas, each answer in one snapshot. Raises StoreUnavailable."""

    def of_id(self, tenant_id: UUID, saga_id: UUID) -> SagaJournalView:
        """With its journal. Raises NotFound, LookupError."""
        ...

    def of_subject(self, tenant_id: UUID, subject_id: UUID) -> SagaJournalView:
        """The saga that holds or held the subject, be that deleted or not. Raises NotFound, LookupError."""
        ...

    def list(
        self, tenant_id: UUID, wanted: SagaFilter, *, after: UUID | None, limit: int
    ) -> tuple[SagaView, ...]:
        """Up to `limit` beyond `after`, by id, which is the order in which they began. Raises LookupError."""
        ...


def _state_of(saga: Saga) -> dict[str, Any]:
    return {
        "id": saga.id,
        "version": saga.version,
        "definition": saga.definition.name,
        "subject_id": saga.subject_id,
        "status": saga.status,
        "needs_repair": saga.needs_repair,
        "reason": saga.reason,
        "created_at": saga.created_at,
        "updated_at": saga.updated_at,
        "deadline_at": saga.deadline_at,
        "due_at": saga.due_at,
        "steps": tuple(_steps(saga)),
    }


def _steps(saga: Saga) -> Iterator[SagaStepView]:
    for step, progress in zip(saga.definition.steps, saga.steps, strict=True):
        keys = {
            direction: call_key(saga.id, step.name, progress.attempt, direction) for direction in Direction
        }
        yield SagaStepView(
            name=step.name,
            kind=step.kind.value,
            state=progress.state,
            attempt=progress.attempt,
            tries=progress.tries,
            result=progress.result,
            error=progress.error,
            key=None if step.is_local else keys[Direction.DO],
            undo_key=None if step.is_local or step.undo is None else keys[Direction.UNDO],
        )


def _entries(saga: Saga, events: Iterable[RecordedEvent]) -> Iterator[JournalEntry]:
    """What a call was for is told by what was known before it: an effect in doubt is asked for by the key of DO."""
    known: set[str] = set()
    for entry in events:
        data = {field.name: getattr(entry.event, field.name) for field in fields(entry.event)}
        step, attempt, direction = data.get("step"), data.get("attempt"), data.get("direction")
        key = None
        if step is not None and attempt is not None and not saga.is_local(step):
            undoes = direction == Direction.UNDO or data.get("had_effect", False)
            way = Direction.UNDO if undoes and step in known else Direction.DO
            key = call_key(saga.id, step, attempt, way)
        if entry.event.wire_name in _EFFECT_IS_KNOWN_BY and step is not None:
            known.add(step)
        yield JournalEntry(
            version=entry.version,
            at=entry.event.occurred_at,
            what=entry.event.wire_name.removeprefix(f"{Saga.kind}."),
            actor=entry.actor,
            step=step,
            attempt=attempt,
            direction=direction,
            key=key,
            result=_result(data),
            error=data.get("error"),
            is_unclear=data.get("is_unclear"),
            due_at=data.get("due_at"),
            how=data.get("how"),
            operator=data.get("operator"),
            reason=data.get("reason"),
        )


def _result(data: dict[str, Any]) -> str | None:
    if "had_effect" in data:
        return "undone" if data["had_effect"] else "there was nothing to undo"
    return data.get("result")
