"""An order placed on a running stack is acknowledged by mail; what can't be is found, and replayed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from aiosmtpd.controller import Controller

from adapters.embedded.ports import free_port
from integration.cli.conftest import REQUEST_TIMEOUT_S, Stack, holdwater

pytestmark = pytest.mark.timeout(300)
WAIT_S_MAX = 60
TENANT = "development"


class Mailbox:
    """Takes mail for everybody but `nobody@…`."""

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.refuses_nobody = True

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.startswith("nobody@") and self.refuses_nobody:
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        self.recipients += envelope.rcpt_tos
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A running mail server and its port."""
    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield mailbox, port
    controller.stop()


def post(stack: Stack, path: str, body: dict[str, Any], key: str) -> None:
    """POST, which must succeed."""
    headers = {
        "Authorization": f"Bearer {stack.token}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    answer = urllib3.request(
        "POST", f"{stack.url}{path}", body=json.dumps(body), headers=headers, timeout=REQUEST_TIMEOUT_S
    )
    assert answer.status == 201, answer.data


def order(stack: Stack, email: str) -> None:
    """Place an order that names the address."""
    line = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.20"}
    body = {"customer_ref": "c", "currency": "EUR", "lines": [line], "payment_method": "tok", "email": email}
    post(stack, "/v1/orders", body, email)


def status(stack: Stack) -> dict[str, Any]:
    """What `status` knows."""
    known: dict[str, Any] = stack.holdwater("status", "--json").json
    return known


def wait_until_settled(stack: Stack) -> dict[str, Any]:
    """Until nothing is pending; the lag then."""
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        consumers: list[dict[str, Any]] = stack.holdwater("lag", "--json").json["consumers"]
        if consumers and consumers[0]["pending"] == 0:
            return consumers[0]
    raise AssertionError("messages are still pending")


@pytest.mark.promise("O1", "O6", "O7")
def test_the_stack_delivers_and_shows_what_it_could_not(tmp_path: Path, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    state_dir = tmp_path / "var"
    mail = {
        "HOLDWATER_SMTP_HOST": "127.0.0.1",
        "HOLDWATER_SMTP_PORT": str(port),
        "HOLDWATER_SMTP_TLS": "none",
        "HOLDWATER_SMTP_FROM": "shop@example.org",
    }
    up = holdwater("up", "--port", str(free_port()), "--state-dir", state_dir, "--detach", "--json", env=mail)
    assert up.status == 0, up.stderr
    try:
        stack = Stack(state_dir, up.json["url"], up.json["token"])
        assert {"worker", "relay", "scheduler", "web"} <= set(status(stack)["processes"])
        post(stack, "/v1/products", {"sku": "TEA-1", "name": "Tea"}, "tea")
        for email in ("ada@example.org", "nobody@example.org", "bob@example.org"):
            order(stack, email)
        lag = wait_until_settled(stack)
        assert (lag["parked"], lag["settled_last_minute"]) == (1, 2)
        assert sorted(box.recipients) == ["ada@example.org", "bob@example.org"]
        listed = stack.holdwater("dead-letters", "list", "--tenant", TENANT, "--json").json["dead_letters"]
        (letter,) = listed
        assert "the server answered 550 to the recipient" in letter["error"]
        known = status(stack)
        assert known["oldest_unsent_s"] is None
        assert known["oldest_dead_letter_s"] >= 0
        assert {seen["role"] for seen in known["roles"] if seen["alive"]} == {
            "relay",
            "scheduler",
            "web",
            "worker",
        }
        assert {(job["job"], job["error"], job["ended_ago_s"] is None) for job in known["jobs"]} == {
            ("drop-partitions", "", False),
            ("ensure-partitions", "", False),
            ("forget-lost-processes", "", False),
            ("purge", "", False),
        }
        box.refuses_nobody = False
        replayed = stack.holdwater("dead-letters", "replay", letter["id"], "--tenant", TENANT)
        assert replayed.status == 0, replayed.stderr
        assert wait_until_settled(stack)["parked"] == 0
        assert status(stack)["oldest_dead_letter_s"] is None
        assert "nobody@example.org" in box.recipients
        again = stack.holdwater("dead-letters", "replay", letter["id"], "--tenant", TENANT)
        assert again.status != 0
        assert f"There is no dead letter {letter['id']}." in again.stderr
    finally:
        holdwater("down", "--state-dir", state_dir)
