"""The lag for those who look often: asked for seldom, by one of them, and not known rather than made up."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from application.delivery.sample_lag import SampleLagHandler
from application.ports.outbox import ConsumerLag
from application.ports.readiness import NotFit
from application.ports.unit_of_work import StoreUnavailable

KEPT_S = 5.0
LOOKERS = 8


class Store:
    """Answers with the number of the question, or fails as told; has a clock of its own."""

    def __init__(self) -> None:
        self.seconds, self.asked = 100.0, 0
        self.fails: Exception | None = None
        self.asks, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def ask(self) -> Sequence[ConsumerLag]:
        self.asked += 1
        self.asks.set()
        assert self.may_answer.wait(10)
        if self.fails is not None:
            raise self.fails
        return [a_lag(pending=self.asked)]

    def sampler(self, wait_s: float = 10.0) -> SampleLagHandler:
        return SampleLagHandler(ask=self.ask, seconds=lambda: self.seconds, kept_s=KEPT_S, wait_s=wait_s)


def a_lag(pending: int) -> ConsumerLag:
    return ConsumerLag(
        consumer="mailer",
        pending=pending,
        oldest_age_s=1.0,
        parked=0,
        oldest_parked_age_s=None,
        settled_last_minute=0,
    )


@pytest.fixture
def store() -> Store:
    return Store()


class TestSamples:
    def test_are_kept_for_a_while(self, store: Store) -> None:
        sampler = store.sampler()
        assert [sampler.handle() for _ in range(3)] == [[a_lag(1)]] * 3
        store.seconds += KEPT_S - 0.001
        assert sampler.handle() == [a_lag(1)]
        store.seconds += 0.001
        assert sampler.handle() == [a_lag(2)]

    @pytest.mark.promise("O7")
    @pytest.mark.parametrize("error", [StoreUnavailable(retry_after_s=1), NotFit("the role sees nothing")])
    def test_that_nobody_could_take_are_not_known_and_not_asked_for_at_once_again(
        self, store: Store, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        sampler = store.sampler()
        assert sampler.handle() == [a_lag(1)]
        store.fails = error
        for _ in range(3):
            store.seconds += KEPT_S
            assert [sampler.handle() for _ in range(2)] == [None, None]
        assert store.asked == 4
        assert [record.getMessage() for record in caplog.records] == [
            f"how far messages are could not be found out: {error}"
        ]
        store.fails = None
        assert sampler.handle() is None
        store.seconds += KEPT_S
        assert sampler.handle() == [a_lag(5)]
        assert "known again" in caplog.text

    def test_hide_no_fault_of_ours(self, store: Store) -> None:
        store.fails = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            store.sampler().handle()

    def test_are_taken_by_one_for_all_who_look_meanwhile(self, store: Store) -> None:
        sampler, seen = store.sampler(), []
        store.may_answer.clear()
        lookers = [threading.Thread(target=lambda: seen.append(sampler.handle())) for _ in range(LOOKERS)]
        for looker in lookers:
            looker.start()
        assert store.asks.wait(10)
        store.may_answer.set()
        for looker in lookers:
            looker.join(10)
        assert (seen, store.asked) == ([[a_lag(1)]] * LOOKERS, 1)

    @pytest.mark.promise("O7")
    def test_are_not_waited_for_without_end(self, store: Store) -> None:
        sampler = store.sampler(wait_s=0.01)
        store.may_answer.clear()
        asking = threading.Thread(target=sampler.handle)
        asking.start()
        assert store.asks.wait(10)
        assert sampler.handle() is None
        store.may_answer.set()
        asking.join(10)
        assert sampler.handle() == [a_lag(1)]
