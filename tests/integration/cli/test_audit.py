"""`holdwater audit` on a running stack: all agrees after orders were fulfilled; damage is named, and has a status."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import urllib3

from adapters.embedded.daemon import RunningStack, running_stack
from adapters.embedded.ports import HOST
from adapters.embedded.state_directory import StateDirectory
from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.system_clock import new_id
from domain.money import Money
from entrypoints.cli.running import GATEWAY
from integration.cli.conftest import REQUEST_TIMEOUT_S, Finished, Stack, holdwater

pytestmark = pytest.mark.timeout(300)
WAIT_S_MAX = 60
PAUSE_S = 0.2
METHODS = ("tok_visa", "tok_declined", "tok_flaky", "tok_visa")
DIFFERS = 1
COULD_NOT_CHECK = 2


def call(stack: Stack, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request that must succeed; its answer."""
    headers = {
        "Authorization": f"Bearer {stack.token}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(new_id()),
    }
    answer = urllib3.request(
        method,
        f"{stack.url}{path}",
        body=body and json.dumps(body),
        headers=headers,
        timeout=REQUEST_TIMEOUT_S,
    )
    assert answer.status < 300, answer.data
    found: dict[str, Any] = answer.json()
    return found


def fulfilled(stack: Stack) -> list[str]:
    """The ids of orders by each of METHODS, when none is pending any more."""
    call(stack, "POST", "/v1/products", {"sku": "TEA-1", "name": "Tea"})
    call(stack, "POST", "/v1/products/TEA-1/receipts", {"quantity": 10})
    line = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.20"}
    order = {"customer_ref": "c", "currency": "EUR", "lines": [line]}
    ids = [call(stack, "POST", "/v1/orders", {**order, "payment_method": method})["id"] for method in METHODS]
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        if all(call(stack, "GET", f"/v1/orders/{each}")["status"] != "pending" for each in ids):
            return ids
        time.sleep(PAUSE_S)
    raise AssertionError("orders are still pending")


def audit(stack: Stack, *args: str) -> Finished:
    """Whatever becomes of it."""
    return stack.holdwater("audit", *args)


def charge_without_an_order(running: RunningStack) -> str:
    """In the gateway's books; the order that it names."""
    order_id = new_id()
    url = f"http://{HOST}:{running.ports[GATEWAY]}"
    token = running.secrets.payment_gateway_token
    with closing(SandboxPaymentGateway(url, token=token, timeout_s=10.0, settle_s=30.0)) as gateway:
        gateway.authorise("by-hand", order_id=order_id, amount=Money(700, "EUR"), method="tok_visa")
    return str(order_id)


def remove_event(running: RunningStack, order_id: str) -> None:
    """As a superuser."""
    with closing(psycopg2.connect(running.urls.superuser_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM event WHERE stream_id = %s AND type = 'order.confirmed'", (order_id,))
            assert cursor.rowcount == 1


@pytest.mark.promise("E9", "M1", "M2")
def test_an_audit_says_whether_all_agrees(stack: Stack) -> None:
    ids = fulfilled(stack)
    clean = audit(stack, "--json")
    assert clean.status == 0, clean.stdout + clean.stderr
    assert (clean.json["clean"], clean.json["complete"], clean.json["ledger_asked"]) == (True, True, True)
    assert clean.json["checked"]["customer_order rows"] == clean.json["checked"]["ledger entries"] == len(ids)
    assert clean.json["in_flight_count"] == METHODS.count("tok_declined")

    running = running_stack(StateDirectory(stack.state_dir))
    strange = charge_without_an_order(running)
    remove_event(running, ids[0])
    damaged = audit(stack, "--json")
    assert damaged.status == DIFFERS
    assert {(found["id"], found["field"].partition(",")[0]) for found in damaged.json["differences"]} == {
        (strange, "charge without an order"),
        *((ids[0], field) for field in ("version", "updated_at", "status")),
    }
    told = audit(stack, "--tenant", "development")
    assert told.status == DIFFERS
    assert (
        f"E9 development: order {ids[0]}, status: pending by its events, confirmed in its row" in told.stdout
    )
    assert f"M1 (no tenant): order {strange}, charge without an order" in told.stdout
    assert told.stdout.splitlines()[-1] == "4 differences."


def test_an_audit_that_can_not_be_made_has_a_status_of_its_own(stack: Stack, tmp_path: Path) -> None:
    nowhere = holdwater("audit", "--state-dir", tmp_path / "var")
    assert nowhere.status == COULD_NOT_CHECK
    assert nowhere.stderr.startswith("holdwater: ")
    nobody = audit(stack, "--tenant", "nobody")
    assert nobody.status == COULD_NOT_CHECK
    assert "nobody" in nobody.stderr
