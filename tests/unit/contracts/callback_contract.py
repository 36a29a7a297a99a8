"""The contract of what a callback needs: whose saga it is about, and a place for what is about nobody's."""

from __future__ import annotations

import pytest

from adapters.system_clock import new_id
from application.ports.payment_callbacks import StrayReplies, StrayReply
from application.ports.sagas import SagaDirectory
from builders import after_noon
from unit.contracts.binding import Store, StoreBinding
from unit.contracts.saga_contract import stored

ALL = 10_000


def a_stray() -> StrayReply:
    return StrayReply(
        id=new_id(), gateway="sandbox", key="k" * 120, reply="x" * 2_000, received_at=after_noon(3)
    )


@pytest.mark.promise("S9")
class CallbackContract(StoreBinding):
    """SagaDirectory and StrayReplies."""

    @pytest.fixture
    def directory(self) -> SagaDirectory:
        raise NotImplementedError("the binding must override directory")

    @pytest.fixture
    def stray_replies(self) -> StrayReplies:
        raise NotImplementedError("the binding must override stray_replies")

    def test_each_saga_leads_to_its_own_tenant(
        self, store: Store, other_store: Store, directory: SagaDirectory
    ) -> None:
        ours, theirs = stored(store), stored(other_store)
        assert store.context.tenant_id != other_store.context.tenant_id
        assert directory.tenant_of(ours.id) == store.context.tenant_id
        assert directory.tenant_of(theirs.id) == other_store.context.tenant_id
        assert directory.tenant_of(new_id()) is None

    def test_a_stray_reply_is_kept_once_and_listed_by_id(self, stray_replies: StrayReplies) -> None:
        first, second = a_stray(), a_stray()
        for reply in (second, first, second):
            stray_replies.keep(reply)
        known = [reply for reply in stray_replies.list(after=None, limit=ALL) if reply in (first, second)]
        assert known == [first, second]
        assert list(stray_replies.list(after=first.id, limit=1)) == [second]
