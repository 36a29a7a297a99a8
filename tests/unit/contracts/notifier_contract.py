"""The contract of Notifier: one attempt a call, the same key each time, and an error that says whether to go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from adapters.system_clock import new_id
from application.ports.notifier import (
    Notice,
    NoticeLine,
    NoticeRefused,
    Notifier,
    NotifierUnavailable,
    OrderNotice,
)
from domain.money import Money


def a_notice(**changes: Any) -> Notice:
    """An acknowledgement of an order with two lines."""
    order: dict[str, Any] = {
        "order_id": new_id(),
        "version": 1,
        "reference": "PO-7",
        "status": "pending",
        "total": Money(1_340, "EUR"),
        "lines": (
            NoticeLine(sku="TEA-1", quantity=2, unit_price=Money(420, "EUR")),
            NoticeLine(sku="CUP-1", quantity=1, unit_price=Money(500, "EUR")),
        ),
    }
    order.update({name: changes.pop(name) for name in list(changes) if name in order})
    facts: dict[str, Any] = {
        "id": new_id(),
        "kind": "order.placed",
        "tenant_id": new_id(),
        "occurred_at": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        "recipient": "ada@example.com",
        **changes,
    }
    return Notice(order=OrderNotice(**order), **facts)


class Outside(Protocol):
    """The receiver, and the notifier that leads to it."""

    notifier: Notifier

    @property
    def attempts(self) -> Sequence[str]:
        """The key of each attempt that arrived, in order, also of those that failed."""
        ...

    @property
    def taken(self) -> Sequence[str]:
        """The keys that were taken, repetitions included."""
        ...

    def fail(self) -> None:
        """Fail in passing from now on."""
        ...

    def refuse(self) -> None:
        """Refuse for good from now on."""
        ...

    def work(self) -> None:
        """Take everything again from now on."""
        ...


class NotifierContract:
    """A binding overrides `outside`."""

    @pytest.fixture
    def outside(self) -> Outside:
        """The adapter under test with its receiver."""
        raise NotImplementedError("the binding must override outside")

    def test_tells_it_once(self, outside: Outside) -> None:
        first, second = a_notice(), a_notice()
        outside.notifier.notify(first)
        outside.notifier.notify(second)
        assert list(outside.attempts) == list(outside.taken) == [str(first.id), str(second.id)]

    @pytest.mark.promise("O3")
    def test_bears_the_same_key_on_every_try(self, outside: Outside) -> None:
        notice = a_notice()
        outside.fail()
        for _ in range(2):
            with pytest.raises(NotifierUnavailable):
                outside.notifier.notify(notice)
        outside.work()
        outside.notifier.notify(notice)
        assert list(outside.attempts) == [str(notice.id)] * 3
        assert set(outside.taken) == {str(notice.id)}

    def test_makes_one_attempt_a_call(self, outside: Outside) -> None:
        outside.fail()
        with pytest.raises(NotifierUnavailable) as failure:
            outside.notifier.notify(a_notice())
        assert len(outside.attempts) == 1
        assert failure.value.data["channel"] == outside.notifier.channel

    def test_says_when_no_further_try_will_help(self, outside: Outside) -> None:
        outside.refuse()
        with pytest.raises(NoticeRefused) as refusal:
            outside.notifier.notify(a_notice())
        assert len(outside.attempts) == 1
        assert list(outside.taken) == []
        assert str(refusal.value).startswith(f"The {outside.notifier.channel} refuses the notice for good: ")

    def test_takes_a_notice_in_any_script(self, outside: Outside) -> None:
        notice = a_notice(reference="Grün 茶 ☕\r\nBcc: eve@example.com\x1b[2J")
        outside.notifier.notify(notice)
        assert list(outside.taken) == [str(notice.id)]
