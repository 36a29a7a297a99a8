"""The sandbox's books: nothing is answered before it is on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sandbox_gateway import ledger as ledger_module
from adapters.sandbox_gateway.calls import Answer, Call
from adapters.sandbox_gateway.ledger import Ledger
from adapters.system_clock import new_id
from application.ports.payment_gateway import Operation
from unit.contracts.threads import WAIT_S_MAX, Threads

KEY = "7/authorise"
CALL = Call(
    operation=Operation.AUTHORISE, order_id=str(new_id()), amount=1_340, currency="EUR", method="tok_visa"
)


def opened(folder: Path) -> Ledger:
    """The books in that folder."""
    return Ledger(folder / "ledger.sqlite3", late_s=1, with_callbacks=False)


def attempt(ledger: Ledger, key: str = KEY) -> Answer | None:
    """Carry CALL out; the answer."""
    answer, _ = ledger.attempt(key, CALL, answer_by=None, waited=False)
    return answer


class TestTheDisk:
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        with closing(opened(tmp_path)) as ledger:
            yield ledger

    @pytest.mark.parametrize("question", [attempt, lambda ledger: ledger.ask(KEY)], ids=["call", "ask"])
    def test_is_waited_for_by_who_writes_and_by_who_has_read_it(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, question: Callable[[Ledger], object]
    ) -> None:
        arrived, may_end = threading.Event(), threading.Event()

        def slow_disk(descriptor: int) -> None:
            arrived.set()
            assert may_end.wait(WAIT_S_MAX)

        monkeypatch.setattr(ledger_module, "_synchronise", slow_disk)
        threads = Threads(lambda: None)
        writer = threads.start(lambda: attempt(ledger))
        assert arrived.wait(WAIT_S_MAX)
        other = threads.start(lambda: question(ledger))
        assert writer.waits()
        assert other.waits()
        may_end.set()
        assert writer.outcome().result == other.outcome().result is not None

    def test_that_fails_ends_everything(
        self, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken_disk(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(ledger_module, "_synchronise", broken_disk)
            with pytest.raises(OSError, match="Input/output"):
                attempt(ledger)
        with pytest.raises(Exception, match="closed database"):
            attempt(ledger, "8/authorise")
        # A new process takes what the disk has, and repetitions converge.
        with closing(opened(tmp_path)) as again:
            assert attempt(again) == attempt(again) == again.ask(KEY)
            assert again.ask("8/authorise") is None
