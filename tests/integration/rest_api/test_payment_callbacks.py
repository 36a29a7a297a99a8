"""What a payment gateway posts to us: let in by its signature alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from adapters.system_clock import new_id
from application.orders.cancel_order import CancelOrder
from builders import NOON, a_context
from domain.orders.fulfilment import AUTHORISE
from domain.saga.progress import Direction, SagaStatus, call_key
from domain.saga.saga import Saga
from entrypoints.container import Container
from entrypoints.limits import CALLBACK_BYTES_MAX
from entrypoints.rest_api import wiring
from entrypoints.settings import GATEWAY_IN_MEMORY, Settings
from integration.rest_api.checked_client import Answer, CheckedClient

ADDRESS: Final = "/v1/payment-callbacks/sandbox"
SECRET: Final = "whsec_" + "c2Vz" * 8
WRONG_SECRET: Final = "whsec_" + "c2Fz" * 8

pytestmark = pytest.mark.promise("S9")


@pytest.fixture
def container() -> Iterator[Container]:
    """The container that the views use during the test; it fulfils orders, and hears the sandbox."""
    container = Container()
    container.settings.override(
        Settings(persistence="memory", payment_gateway_url=GATEWAY_IN_MEMORY, payment_callback_secret=SECRET)
    )
    before = wiring.use(container)
    yield container
    wiring.use(before)


@pytest.fixture
def tenant_id(api: CheckedClient, container: Container) -> UUID:
    found: UUID = container.authenticate().handle(api.token or "").tenant_id
    return found


@pytest.fixture
def doubtful(container: Container, tenant_id: UUID, placed: Answer) -> Saga:
    """The saga of an order that was cancelled while its authorisation was on its way."""
    order_id = UUID(placed.json["id"])
    context = a_context(tenant_id=tenant_id)
    with container.unit_of_work(context) as uow:
        saga = uow.sagas.of_subject(order_id)
    assert saga is not None
    cancel = CancelOrder(order_id=order_id, expected_version=None, reason="changed my mind")
    container.cancel_order().handle(cancel, context)
    return saga


def told_of(saga_id: UUID, **changes: Any) -> dict[str, Any]:
    """What the sandbox says of an authorisation that was carried out."""
    said = {
        "key": call_key(saga_id, AUTHORISE, 1, Direction.DO),
        "operation": "authorise",
        "payment_id": "pay-1",
        "amount": 840,
        "currency": "EUR",
        "declined": None,
        "at": NOON.isoformat(),
    }
    return {**said, **changes}


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook_id": "msg-1",
        "webhook_timestamp": str(int(at.timestamp())),
        "webhook_signature": Webhook(secret).sign("msg-1", at, body.decode()),
    }


def tell(api: CheckedClient, said: Any, **headers: str) -> Answer:
    """As the gateway does, without a token."""
    body = json.dumps(said).encode()
    return api.as_(None).call("POST", ADDRESS, body, **{**signed(body), **headers})


@pytest.fixture
def kept(container: Container, tenant_id: UUID) -> Callable[[], int]:
    """How many replies are kept, of the tenant and of nobody."""

    def count() -> int:
        late = container.late_replies().list(tenant_id, saga_id=None, after=None, limit=100)
        return len(late) + len(container.stray_replies().list(after=None, limit=100))

    return count


def state_of(container: Container, tenant_id: UUID, saga: Saga) -> Saga:
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        found: Saga = uow.sagas.get(saga.id)
    return found


@pytest.mark.promise("M1")
def test_a_late_success_of_a_cancelled_order_is_undone_however_often_it_is_told(
    api: CheckedClient, container: Container, tenant_id: UUID, doubtful: Saga, kept: Callable[[], int]
) -> None:
    answers = [tell(api, told_of(doubtful.id)) for _ in range(3)]
    assert [(answer.status, answer.body) for answer in answers] == [(204, b"")] * 3
    found = state_of(container, tenant_id, doubtful)
    assert (found.status, found.progress(AUTHORISE).result) == (SagaStatus.COMPENSATING, "pay-1")
    assert found.is_due_at_once
    journal = api.get(f"/v1/orders/{doubtful.subject_id}/saga").json["journal"]
    assert [entry["actor"] for entry in journal if entry["what"] == "effect_found"] == ["callback:sandbox"]
    (payment,) = api.get(f"/v1/orders/{doubtful.subject_id}/payments").json["items"]
    assert payment["status"] == "authorised"
    assert kept() == 0


def test_what_names_no_saga_is_kept_once(
    api: CheckedClient, container: Container, kept: Callable[[], int]
) -> None:
    saga_id = new_id()
    for key in (call_key(saga_id, AUTHORISE, 1, Direction.DO), "somebody-else's"):
        for _ in range(2):
            assert tell(api, told_of(saga_id, key=key)).status == 204
    strays = container.stray_replies().list(after=None, limit=10)
    assert {stray.key for stray in strays} == {
        call_key(saga_id, AUTHORISE, 1, Direction.DO),
        "somebody-else's",
    }
    assert kept() == len(strays) == 2


class TestNobodyIsHeard:
    """Without a signature that holds; and nothing is kept."""

    @pytest.fixture(autouse=True)
    def nothing_happens(
        self, container: Container, tenant_id: UUID, doubtful: Saga, kept: Callable[[], int]
    ) -> Iterator[None]:
        before = state_of(container, tenant_id, doubtful)
        yield
        assert state_of(container, tenant_id, doubtful).version == before.version
        assert kept() == 0

    @pytest.mark.parametrize(
        "odd",
        [
            {"webhook_signature": ""},
            {"webhook_signature": "v1"},
            {"webhook_signature": "v1,"},
            {"webhook_signature": "v1,a,b"},
            {"webhook_signature": "v1,%%%="},
            {"webhook_signature": "v1,\xff\xfe"},
            {"webhook_signature": "v2,AAAA v1a,AAAA"},
            {"webhook_timestamp": "yesterday"},
            {"webhook_timestamp": "nan"},
            {"webhook_timestamp": "1e400"},
            {"webhook_timestamp": ""},
            {"webhook_id": "\xff"},
            {"webhook_id": "msg-2"},
            {"webhook_id": ""},
        ],
    )
    def test_whose_headers_are_odd(self, api: CheckedClient, doubtful: Saga, odd: dict[str, str]) -> None:
        answer = tell(api, told_of(doubtful.id), **odd)
        assert (answer.status, answer.code) == (401, "callback-not-signed")
        assert answer.headers["WWW-Authenticate"].startswith("Webhook-Signature")

    def test_who_bears_a_token_alone_or_nothing(self, api: CheckedClient, doubtful: Saga) -> None:
        for client in (api, api.as_(None)):
            assert client.post(ADDRESS, told_of(doubtful.id)).code == "callback-not-signed"

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_who_signed_at_another_time_or_with_another_secret(
        self, api: CheckedClient, doubtful: Saga, minutes: int
    ) -> None:
        said = told_of(doubtful.id)
        body = json.dumps(said).encode()
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        for headers in (signed(body, at=at), signed(body, secret=WRONG_SECRET)):
            assert tell(api, said, **headers).status == 401

    def test_whose_body_was_changed(self, api: CheckedClient, doubtful: Saga) -> None:
        said = told_of(doubtful.id)
        headers = signed(json.dumps(said).encode())
        for other in (json.dumps(told_of(new_id())).encode(), b"\xff\xfe"):
            assert api.as_(None).call("POST", ADDRESS, other, **headers).status == 401

    @pytest.mark.parametrize(
        "changes",
        [
            {"key": ""},
            {"key": "k" * 121},
            {"key": 7},
            {"key": "a\u0000b"},
            {"operation": "divide"},
            {"payment_id": "p" * 201},
            {"payment_id": "p\u0000"},
            {"declined": "\ud800"},
            {"amount": "much"},
            {"currency": "EURO"},
            {"at": "2026-01-01T00:00:00"},
            {"at": None},
        ],
    )
    def test_who_says_it_in_another_form(
        self, api: CheckedClient, doubtful: Saga, changes: dict[str, Any]
    ) -> None:
        answer = tell(api, told_of(doubtful.id, **changes))
        assert (answer.status, answer.fields) == (400, ["body"])

    @pytest.mark.parametrize("said", [[], None, "text", {}])
    def test_who_says_nothing(self, api: CheckedClient, said: Any) -> None:
        assert tell(api, said).status == 400

    def test_who_says_too_much_or_in_another_language(self, api: CheckedClient, doubtful: Saga) -> None:
        said = told_of(doubtful.id)
        assert tell(api, {**said, "note": "x" * CALLBACK_BYTES_MAX}).status == 413
        assert tell(api, said, content_type="text/plain").status == 415
        assert api.get(ADDRESS).status == 405

    def test_whose_gateway_is_not_set_up(
        self, api: CheckedClient, doubtful: Saga, container: Container
    ) -> None:
        body = json.dumps(told_of(doubtful.id)).encode()
        stranger = api.as_(None).call("POST", "/v1/payment-callbacks/stripe", body, **signed(body))
        assert (stranger.status, stranger.code) == (404, "route-not-found")
        with container.callback_readers.override({}):
            assert tell(api, told_of(doubtful.id)).status == 404
