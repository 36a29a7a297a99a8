"""Sagas as the API answers them: their views, and where the order is read that each is about."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from application.ports.saga_views import SagaJournalView, SagaView

_NAMES: Final = tuple(field.name for field in fields(SagaView))
_JOURNAL_NAMES: Final = tuple(field.name for field in fields(SagaJournalView))


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaAnswer(SagaView):
    """A saga at one version; `order` is the address of what it is about."""

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaJournalAnswer(SagaJournalView):
    """The same with its journal."""

    order: str


def saga_answer(view: SagaView) -> SagaAnswer:
    """Without a journal."""
    return SagaAnswer(**{name: getattr(view, name) for name in _NAMES}, order=_order_of(view))


def saga_journal_answer(view: SagaJournalView) -> SagaJournalAnswer:
    """With it."""
    return SagaJournalAnswer(**{name: getattr(view, name) for name in _JOURNAL_NAMES}, order=_order_of(view))


def _order_of(view: SagaView) -> str:
    return f"/v1/orders/{view.subject_id}"
