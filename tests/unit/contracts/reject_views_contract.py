"""The contract of RejectViews, and of the end of a reject: replayed once, removed when it is old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.purge import OpenPurge
from application.ports.read_models import PageKey
from application.ports.reject_views import RejectFilter, RejectView, RejectViews
from application.ports.unit_of_work import OpenUnitOfWork
from builders import a_context
from domain.errors import NotFound
from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason
from domain.telemetry.rejects import REJECTS_KEPT_FOR, RejectReplayed
from unit.contracts.binding import Store, StoreBinding, rolled_back
from unit.contracts.threads import Threads

PAGES_MAX: Final = 100
REPLAYERS: Final = 6


class RejectViewsContract(StoreBinding):
    """A binding provides `reject_views`, `open_purge`, and `pass_time`, which makes the tenant's rejects older."""

    @pytest.fixture
    def open_purge(self) -> OpenPurge:
        raise NotImplementedError("the binding must override open_purge")

    @pytest.fixture
    def pass_time(self) -> Callable[[UUID, timedelta], None]:
        raise NotImplementedError("the binding must override pass_time")

    @pytest.fixture
    def reject_views(self) -> RejectViews:
        raise NotImplementedError("the binding must override reject_views")

    @pytest.fixture
    def kept(self, open_unit_of_work: OpenUnitOfWork, tenant_id: UUID) -> tuple[str, str]:
        """The ids of two requests, of seven rejects each, alternating between two reasons."""
        ids = (f"r-{new_id()}", f"r-{new_id()}")
        for request_id in ids:
            context = a_context(tenant_id=tenant_id, correlation_id=request_id)
            with open_unit_of_work(context) as uow:
                uow.rejects.keep(
                    [
                        Reject(row, (RejectReason.CONFLICT, RejectReason.INFINITE)[row % 2], f"d-{row}", "{}")
                        for row in range(7)
                    ]
                )
        return ids

    @pytest.mark.promise("W3", "A3")
    def test_lists_newest_first_by_reason_and_request(
        self, reject_views: RejectViews, tenant_id: UUID, kept: tuple[str, str]
    ) -> None:
        def rows(wanted: RejectFilter) -> list[tuple[str, int]]:
            found: list[RejectView] = []
            after: PageKey | None = None
            for _ in range(PAGES_MAX):
                page = reject_views.list(tenant_id, wanted, after=after, limit=3)
                found += page.items
                after = page.next
                if after is None:
                    break
            assert all(reject_views.get(tenant_id, view.id) == view for view in found)
            return [(view.request_id, view.row) for view in found]

        first, second = kept
        newest_first = [(request_id, row) for request_id in (second, first) for row in range(6, -1, -1)]
        assert rows(RejectFilter()) == newest_first
        assert rows(RejectFilter(request_id=first)) == newest_first[7:]
        assert rows(RejectFilter(reason=RejectReason.INFINITE)) == [one for one in newest_first if one[1] % 2]
        both = RejectFilter(reason=RejectReason.CONFLICT, request_id=second)
        assert rows(both) == [one for one in newest_first[:7] if one[1] % 2 == 0]
        assert rows(RejectFilter(reason=RejectReason.TOO_EARLY)) == rows(RejectFilter(request_id="no")) == []
        view = reject_views.list(tenant_id, RejectFilter(), limit=1).items[0]
        assert (view.detail, view.sent, view.replayed_at) == ("d-6", "{}", None)

    @pytest.mark.promise("W3")
    def test_says_when_one_was_replayed_and_lets_nobody_do_it_again(
        self,
        store: Store,
        reject_views: RejectViews,
        threads: Threads,
        tenant_id: UUID,
        kept: tuple[str, str],
    ) -> None:
        one, other = reject_views.list(tenant_id, RejectFilter(), limit=2).items
        with rolled_back(store.transaction()) as uow:
            uow.rejects.mark_replayed(one.id)
        assert reject_views.get(tenant_id, one.id) == one

        def replay(number: int) -> None:
            with store.transaction() as uow:
                uow.rejects.mark_replayed(one.id)

        outcomes = threads.race(REPLAYERS, replay)
        refused = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert [type(error) for error in refused] == [RejectReplayed] * (REPLAYERS - 1)
        replayed = reject_views.get(tenant_id, one.id)
        assert replayed.replayed_at is not None
        assert reject_views.get(tenant_id, other.id) == other
        with rolled_back(store.transaction()) as uow, pytest.raises(RejectReplayed) as refusal:
            uow.rejects.mark_replayed(one.id)
        assert str(replayed.replayed_at.year) in str(refusal.value)

    @pytest.mark.promise("A1")
    def test_nobody_sees_or_replays_another_tenants(
        self, reject_views: RejectViews, tenant_id: UUID, other_store: Store, kept: tuple[str, str]
    ) -> None:
        (foreign,) = reject_views.list(tenant_id, RejectFilter(), limit=1).items
        other = other_store.context.tenant_id
        assert reject_views.list(other, RejectFilter()).items == ()
        assert reject_views.list(other, RejectFilter(request_id=kept[0])).items == ()
        with pytest.raises(NotFound):
            reject_views.get(other, foreign.id)
        with rolled_back(other_store.transaction()) as uow, pytest.raises(NotFound):
            uow.rejects.mark_replayed(foreign.id)
        assert reject_views.get(tenant_id, foreign.id) == foreign

    @pytest.mark.promise("W3")
    def test_are_removed_when_they_are_old_and_not_before(
        self,
        reject_views: RejectViews,
        open_unit_of_work: OpenUnitOfWork,
        open_purge: OpenPurge,
        pass_time: Callable[[UUID, timedelta], None],
        tenant_id: UUID,
        kept: tuple[str, str],
    ) -> None:
        pass_time(tenant_id, REJECTS_KEPT_FOR - timedelta(hours=1))
        with open_purge() as unit:
            assert unit.drop_old_rejects(100) == 0
        pass_time(tenant_id, timedelta(hours=2))
        with open_unit_of_work(a_context(tenant_id=tenant_id)) as uow:
            uow.rejects.keep([Reject(0, RejectReason.INFINITE, "", "{}")])
        with open_purge() as unit:
            assert [unit.drop_old_rejects(limit) for limit in (10, 10, 10)] == [10, 4, 0]
        (young,) = reject_views.list(tenant_id, RejectFilter()).items
        assert young.reason is RejectReason.INFINITE
