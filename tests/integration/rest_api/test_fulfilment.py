"""Orders in fulfilment, as callers see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from application.ports.task_queue import Lane
from entrypoints.container import Container
from entrypoints.rest_api import wiring
from entrypoints.settings import GATEWAY_IN_MEMORY, Settings
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient


@pytest.fixture
def container() -> Iterator[Container]:
    """The container that the views use during the test; it fulfils orders."""
    container = Container()
    container.settings.override(Settings(persistence="memory", payment_gateway_url=GATEWAY_IN_MEMORY))
    before = wiring.use(container)
    yield container
    wiring.use(before)


@pytest.fixture
def work(container: Container) -> Callable[[], None]:
    """Lets relay and worker do what is due."""

    def do_round() -> None:
        queue = container.thread_queue(container.handle_wake().handle, threads=dict.fromkeys(Lane, 1))
        container.relay(queue=queue).handle()
        queue.close(cancel=False)

    return do_round


@pytest.fixture
def stocked(api: CheckedClient, tea: Answer) -> Answer:
    """TEA-1, of which there is enough."""
    return api.post("/v1/products/TEA-1/receipts", {"quantity": 10}, idempotency_key="stock")


def order_paid_by(api: CheckedClient, method: str) -> Answer:
    return api.post("/v1/orders", {**ORDER, "payment_method": method}, idempotency_key=method)


@pytest.mark.promise("L4")
def test_a_paid_order_is_confirmed_under_a_new_tag(
    api: CheckedClient, stocked: Answer, work: Callable[[], None]
) -> None:
    placed = order_paid_by(api, "tok_visa")
    work()
    order = api.get(placed.headers["Location"])
    assert (order.json["status"], order.json["version"]) == ("confirmed", 2)
    assert order.json["saga"] == placed.json["saga"] == f"/v1/orders/{order.json['id']}/saga"
    assert api.get("/v1/orders").json["items"] == [order.json]
    cancelled = api.post(
        f"{placed.headers['Location']}/cancel",
        {"reason": "too late"},
        if_match=order.headers["ETag"],
        idempotency_key="cancel",
    )
    assert (cancelled.status, cancelled.code) == (409, "past-the-pivot")


@pytest.mark.promise("S13", "H7", "L8")
def test_what_conflicts_with_the_saga_is_told_where_to_look(
    api: CheckedClient, stocked: Answer, work: Callable[[], None]
) -> None:
    placed = order_paid_by(api, "tok_declined")
    work()
    address = placed.headers["Location"]
    tag = api.get(address).headers["ETag"]
    for stale, status in ((placed.headers["ETag"], 412), (tag, 409)):
        shipped = api.call("POST", f"{address}/ship", if_match=stale, idempotency_key="ship")
        assert shipped.status == status
    assert shipped.code == "order-held"
    assert shipped.headers["Link"] == f'<{address}/saga>; rel="related"'
    deleted = api.delete(address, if_match=tag)
    assert (deleted.status, deleted.code) == (409, "order-held")
    cancelled = api.post(f"{address}/cancel", {"reason": "r"}, if_match=tag, idempotency_key="cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    assert api.delete(address, if_match=cancelled.headers["ETag"]).status == 204


@pytest.mark.promise("S11")
def test_a_cancellation_after_the_pivot_is_refused_with_the_reason(
    api: CheckedClient, stocked: Answer, work: Callable[[], None]
) -> None:
    placed = order_paid_by(api, "tok_capture_fails_then_ok")
    work()
    answer = api.post(
        f"{placed.headers['Location']}/cancel",
        {"reason": "r"},
        if_match=placed.headers["ETag"],
        idempotency_key="cancel",
    )
    assert (answer.status, answer.code) == (409, "past-the-pivot")


@pytest.mark.promise("H2", "L2")
def test_a_declined_order_is_paid_by_a_further_try(
    api: CheckedClient, stocked: Answer, work: Callable[[], None]
) -> None:
    placed = order_paid_by(api, "tok_declined")
    address = placed.headers["Location"]
    early = api.post(f"{address}/payments", {"payment_method": "tok_visa"}, idempotency_key="early")
    assert (early.status, early.code) == (422, "order-status-forbids")
    work()
    tries = [
        api.post(f"{address}/payments", {"payment_method": "tok_visa"}, idempotency_key="pay")
        for _ in range(2)
    ]
    assert [answer.json for answer in tries] == [tries[0].json] * 2
    assert tries[0].json["status"] == "requested"
    assert "Idempotent-Replayed" in tries[1].headers
    work()
    payment = api.get(tries[0].headers["Location"])
    assert (payment.json["status"], payment.json["amount"], payment.json["refunded"]) == (
        "captured",
        "8.40",
        "0.00",
    )
    assert payment.headers["ETag"] == f'"{payment.json["id"]}-3"'
    first, second = api.get(f"{address}/payments").json["items"]
    assert (first["status"], first["decline_reason"]) == ("declined", "declined")
    assert second == payment.json
    assert api.get(address).json["status"] == "confirmed"


@pytest.mark.promise("H2", "M1", "L2")
def test_money_is_given_back_in_parts(
    api: CheckedClient, stocked: Answer, work: Callable[[], None], new_token: Callable[..., str]
) -> None:
    placed = order_paid_by(api, "tok_visa")
    work()
    (paid,) = api.get(f"{placed.headers['Location']}/payments").json["items"]
    address = f"/v1/payments/{paid['id']}"
    seller = api.as_(new_token("orders:write"))
    assert seller.post(f"{address}/refunds", {}, idempotency_key="r").code == "scope-missing"
    asked = [api.post(f"{address}/refunds", {"amount": "4.20"}, idempotency_key="r") for _ in range(2)]
    assert [(answer.status, answer.json["refunds"][0]["status"]) for answer in asked] == [
        (202, "requested")
    ] * 2
    assert asked[0].headers["ETag"] == f'"{paid["id"]}-{paid["version"] + 1}"'
    too_much = api.post(f"{address}/refunds", {"amount": "4.21", "reason": "greed"}, idempotency_key="r2")
    assert (too_much.status, too_much.code, too_much.fields) == (422, "refund-too-large", ["amount"])
    work()
    payment = seller.get(address).json
    assert (payment["status"], payment["refunded"], len(payment["refunds"])) == ("partly_refunded", "4.20", 1)
    assert api.post(f"{address}/refunds", {}, idempotency_key="r3").json["refunds"][1]["amount"] == "4.20"
    work()
    assert api.get(address).json["status"] == "refunded"
