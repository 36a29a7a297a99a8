"""Processes of a real stack that end in the middle of their work: killed, or asked to stop."""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from adapters.embedded.ports import free_port
from chaos.receiver import Receiver
from chaos.victims import children_of
from integration.cli.conftest import REQUEST_TIMEOUT_S, Stack, holdwater

pytestmark = pytest.mark.timeout(300)
WAIT_S_MAX = 60.0
ORDERS = 3
GRACE_S = 0.5
"""For a worker that would not finish to end; too short hides a fault, it never makes one up."""


class Shop(Receiver):
    """The shop's systems, which answer everything, but only when they may."""

    def __init__(self) -> None:
        super().__init__(random.Random(0))
        self.be_fair()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def takes(self, message_id: str, body: dict[str, Any]) -> bool:
        """See Receiver."""
        self.is_asked.set()
        self.may_answer.wait(WAIT_S_MAX)
        return super().takes(message_id, body)


@pytest.fixture
def receiver() -> Iterator[Shop]:
    """Where notices arrive."""
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def stack(tmp_path: Path, receiver: Shop) -> Iterator[Stack]:
    """A stack that tells the receiver of orders."""
    state_dir = tmp_path / "var"
    webhook = {
        "HOLDWATER_WEBHOOK_URL": receiver.url,
        "HOLDWATER_WEBHOOK_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "HOLDWATER_WEBHOOK_ALLOW_PRIVATE": "yes",
    }
    port = str(free_port())
    up = holdwater("up", "--port", port, "--state-dir", state_dir, "--detach", "--json", env=webhook)
    assert up.status == 0, up.stderr
    yield Stack(state_dir, up.json["url"], up.json["token"])
    holdwater("down", "--state-dir", state_dir)


def post(stack: Stack, path: str, body: object, key: str) -> str:
    """The id in the answer, sent again until there is one."""
    headers = {
        "Authorization": f"Bearer {stack.token}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        try:
            answer = urllib3.request(
                "POST",
                f"{stack.url}{path}",
                body=json.dumps(body),
                headers=headers,
                timeout=REQUEST_TIMEOUT_S,
                retries=False,
            )
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
            continue
        assert answer.status == 201, answer.data
        return str(answer.json().get("id"))
    raise AssertionError("web did not come back")


def pid_of(stack: Stack, process: str) -> int:
    """Of one of the stack's own children; 0 while it is being started again."""
    known = json.loads((stack.state_dir / "stack.json").read_text())["processes"]
    return int(known[process]["pid"]) if process in known else 0


def kill_web(stack: Stack) -> None:
    """SIGKILL the server and its processes at once."""
    server = pid_of(stack, "web")
    for pid in (*children_of(server), server):
        os.kill(pid, signal.SIGKILL)


def an_order(stack: Stack, key: str) -> str:
    """Place one; its id."""
    wish = {
        "customer_ref": "c",
        "currency": "EUR",
        "payment_method": "tok_declined",  # so that nothing but its placing is told of it
        "lines": [{"sku": "TEA-1", "quantity": 1, "unit_price": "4.20"}],
    }
    return post(stack, "/v1/orders", wish, key)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def webhook_lag(stack: Stack) -> dict[str, Any]:
    """What is before the consumer."""
    (lag,) = stack.holdwater("lag", "--json").json["consumers"]
    return dict(lag)


@pytest.mark.promise("O1", "O2", "O4")
def test_what_a_process_has_begun_or_committed_is_delivered_when_it_ends(
    stack: Stack, receiver: Shop
) -> None:
    post(stack, "/v1/products", {"sku": "TEA-1", "name": "Tea"}, "tea")
    placed = []
    for number in range(ORDERS):  # committed, answered, and killed at once
        placed.append(an_order(stack, f"order-{number}"))
        kill_web(stack)
    wait_for(lambda: len(receiver.deliveries()) == ORDERS, "not every notice arrived")
    assert sorted(delivery.order_id for delivery in receiver.deliveries()) == sorted(placed)

    receiver.may_answer.clear()
    receiver.is_asked.clear()
    last = an_order(stack, "order-last")
    assert receiver.is_asked.wait(WAIT_S_MAX)
    worker = pid_of(stack, "worker")
    os.kill(worker, signal.SIGTERM)  # asked to stop while a notice is on its way
    time.sleep(GRACE_S)
    receiver.may_answer.set()
    wait_for(lambda: pid_of(stack, "worker") not in {0, worker}, "the worker did not end")
    wait_for(lambda: webhook_lag(stack)["pending"] == 0, "the worker dropped what it had begun")
    told = [delivery.order_id for delivery in receiver.deliveries()]
    assert told.count(last) == 1
    assert len(told) == ORDERS + 1
