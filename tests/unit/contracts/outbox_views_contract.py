"""The contract of what operators see of messages: how far they are, and those that nobody could deliver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports.outbox import Backlog, ConsumerLag, DeadLetter, DeadLetters, MessageClaims
from application.ports.read_models import OpenReadModels
from unit.contracts.binding import Store
from unit.contracts.outbox_messages import (
    COUNTER,
    MAILER,
    OutboxBinding,
    PassTime,
    a_renamed_product,
    claim,
    park,
    settle,
    wake,
)


class OutboxViewsContract(OutboxBinding):
    """What operators may rely on."""

    @pytest.mark.promise("O6", "A3")
    def test_lists_dead_letters_oldest_first_page_by_page(
        self, store: Store, claims: MessageClaims, dead_letters: DeadLetters
    ) -> None:
        tenant_id, products = store.context.tenant_id, [a_renamed_product(store) for _ in range(5)]
        parked = {
            consumer: [park(claims, wake(store, product, consumer)).id for product in reversed(products)][
                ::-1
            ]
            for consumer in (MAILER, COUNTER)
        }
        walked = list(walk(dead_letters, tenant_id))
        assert [letter.id for letter in walked] == sorted(parked[MAILER] + parked[COUNTER])
        assert [letter.stream_id for letter in walked if letter.consumer == COUNTER] == [
            product.id for product in products
        ]
        for consumer, ids in parked.items():
            assert [letter.id for letter in walk(dead_letters, tenant_id, consumer)] == ids
        assert dead_letters.list(tenant_id, consumer="nobody", after=None, limit=10) == []

    @pytest.mark.promise("O7")
    def test_says_how_far_each_consumer_lags(
        self, store: Store, claims: MessageClaims, backlog: Backlog
    ) -> None:
        before = {lag.consumer: lag for lag in backlog.lag()}
        first, second = a_renamed_product(store), a_renamed_product(store)
        settle(store, claim(claims, wake(store, first)))
        claims.park(claim(claims, wake(store, second)), error="broken")
        after = {lag.consumer: lag for lag in backlog.lag()}
        grown = [
            getattr(after[MAILER], figure) - (getattr(before[MAILER], figure) if MAILER in before else 0)
            for figure in ("pending", "parked", "settled_last_minute")
        ]
        assert grown == [2, 1, 1]
        oldest_age_s = after[MAILER].oldest_age_s
        assert oldest_age_s is not None
        assert oldest_age_s >= 0

    @pytest.mark.promise("O7", "A1")
    def test_tells_a_tenant_of_its_own_messages_alone(
        self,
        store: Store,
        other_store: Store,
        claims: MessageClaims,
        open_read_models: OpenReadModels,
        pass_time: PassTime,
    ) -> None:
        tenant_id = store.context.tenant_id
        assert lag_of(open_read_models, tenant_id) == {}
        first, second = a_renamed_product(store), a_renamed_product(store)
        a_renamed_product(other_store)
        settle(store, claim(claims, wake(store, first)))
        park(claims, wake(store, second))
        park(claims, wake(store, first, COUNTER))
        park(claims, wake(store, second, COUNTER))
        lag = lag_of(open_read_models, tenant_id)
        assert list(lag) == [COUNTER, MAILER]
        mailer, counter = lag[MAILER], lag[COUNTER]
        assert (mailer.pending, mailer.parked, mailer.settled_last_minute) == (2, 1, 1)
        assert mailer.oldest_age_s is not None
        assert mailer.oldest_age_s >= 0
        assert (counter.pending, counter.oldest_age_s, counter.parked) == (0, None, 2)
        pass_time(tenant_id, timedelta(minutes=1))
        assert lag_of(open_read_models, tenant_id)[MAILER].settled_last_minute == 0
        assert lag_of(open_read_models, other_store.context.tenant_id)[MAILER].pending == 2


def walk(dead_letters: DeadLetters, tenant_id: UUID, consumer: str | None = None) -> Iterator[DeadLetter]:
    """All dead letters of the tenant, in pages of two."""
    after: UUID | None = None
    while page := dead_letters.list(tenant_id, consumer=consumer, after=after, limit=2):
        yield from page
        after = page[-1].id


def lag_of(open_read_models: OpenReadModels, tenant_id: UUID) -> dict[str, ConsumerLag]:
    """The tenant's lag, by consumer."""
    with open_read_models(tenant_id) as views:
        return {lag.consumer: lag for lag in views.message_lag()}
