"""SIGKILL at any moment: what was answered is in the books once, what was not is there at most once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.system_clock import new_id
from application.ports.payment_gateway import (
    GatewayOutcomeUnknown,
    GatewayReply,
    GatewayUnavailable,
    Operation,
)
from domain.money import Money
from integration.payment_gateway.gateway_process import gateway_process
from unit.contracts.payment_gateway_contract import PRICE, a_key
from unit.contracts.threads import Threads

CALLERS = 8
PURCHASES_EACH = 13
"""Each an authorisation and a capture: 208 calls."""
ANSWERED_BEFORE_THE_KILL = 60
ROUNDS_MAX = 10
WAIT_S = 20.0


@dataclass
class Tale:
    """What callers were told, by key."""

    answers: dict[str, GatewayReply] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    untouched: set[str] = field(default_factory=set)
    enough: threading.Event = field(default_factory=threading.Event)

    def hear(self, reply: GatewayReply) -> None:
        """Note an answer."""
        self.answers[reply.key] = reply
        if len(self.answers) >= ANSWERED_BEFORE_THE_KILL:
            self.enough.set()


def buy(gateway: SandboxPaymentGateway, tale: Tale, order_id: UUID) -> None:
    """Authorise and capture, under keys made from the order."""
    key = f"{order_id}/authorise"
    try:
        reply = gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_visa")
        tale.hear(reply)
        key = f"{order_id}/capture"
        tale.hear(gateway.capture(key, payment_id=reply.payment_id, amount=PRICE))
    except GatewayOutcomeUnknown:
        tale.unknown.add(key)
    except GatewayUnavailable:
        tale.untouched.add(key)


def effects_by_key(gateway: SandboxPaymentGateway, orders: list[UUID]) -> Counter[str]:
    """How often each key had an effect on those orders."""
    return Counter(
        effect.key for entry in gateway.entries() if entry.order_id in orders for effect in entry.effects
    )


class TestAKill:
    @pytest.mark.promise("S3")
    @pytest.mark.slow
    def test_in_the_middle_of_many_calls_loses_and_doubles_none(self, tmp_path: Path) -> None:
        with gateway_process(tmp_path) as process, process.gateway() as gateway:
            for _ in range(ROUNDS_MAX):
                tale, orders = Tale(), [new_id() for _ in range(CALLERS * PURCHASES_EACH)]

                def caller(number: int, tale: Tale = tale, orders: list[UUID] = orders) -> None:
                    if number == CALLERS:
                        assert tale.enough.wait(WAIT_S)
                        process.kill()
                        return
                    for order_id in orders[number::CALLERS]:
                        buy(gateway, tale, order_id)

                outcomes = Threads(lambda: None).race(CALLERS + 1, caller)
                assert [one.error for one in outcomes if one.error] == []
                process.start()

                found = effects_by_key(gateway, orders)
                assert set(found.values()) <= {1}
                assert set(tale.answers) <= set(found)
                assert set(found) <= set(tale.answers) | tale.unknown
                assert {key: gateway.ask(key) for key in tale.answers} == tale.answers

                repeated = Tale()
                for order_id in orders:
                    buy(gateway, repeated, order_id)
                assert len(repeated.answers) == 2 * len(orders)
                assert tale.answers.items() <= repeated.answers.items()
                assert effects_by_key(gateway, orders) == Counter(repeated.answers.keys())
                if tale.unknown:
                    return
            raise AssertionError("no kill came while a call was on its way")

    def test_does_not_let_a_late_effect_be_forgotten(self, tmp_path: Path) -> None:
        with (
            gateway_process(tmp_path, "--late-s", "1", "--hang-s", "0") as process,
            process.gateway() as gateway,
        ):
            key, order_id = a_key("authorise"), new_id()
            with pytest.raises(GatewayOutcomeUnknown):
                gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_late_success")
            process.kill()
            process.start()
            time.sleep(1)
            found = gateway.ask(key)
            assert found is not None
            assert found.declined is None

    def test_does_not_make_a_flaky_method_forget_how_often_it_failed(self, tmp_path: Path) -> None:
        with gateway_process(tmp_path) as process, process.gateway() as gateway:
            key, order_id = a_key("authorise"), new_id()
            for _ in range(2):
                with pytest.raises(GatewayUnavailable):
                    gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_flaky")
                process.kill()
                process.start()
            reply = gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_flaky")
            assert reply.declined is None


class TestAStop:
    def test_in_good_order_keeps_the_books(self, tmp_path: Path) -> None:
        with gateway_process(tmp_path) as process, process.gateway() as gateway:
            reply = gateway.authorise(a_key("a"), order_id=new_id(), amount=PRICE, method="tok_visa")
            assert process.terminate() == 0
            process.start()
            # The connection from before is known to be closed, so nothing is unknown.
            assert gateway.void(a_key("v"), payment_id=reply.payment_id).declined is None

    def test_is_needed_before_a_second_one_opens_the_books(self, tmp_path: Path) -> None:
        with gateway_process(tmp_path) as process:
            second = subprocess.run(
                [
                    Path(sys.executable).parent / "holdwater",
                    "sandbox-gateway",
                    "--port",
                    "0",
                    "--state-dir",
                    process.folder,
                ],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        assert second.returncode == 1
        (line,) = second.stderr.splitlines()
        assert line.startswith("holdwater: can't open the ledger ")
        assert "choose another --state-dir" in line


class TestManyPages:
    def test_are_read_to_the_end(self, tmp_path: Path) -> None:
        with gateway_process(tmp_path) as process, process.gateway() as gateway:
            orders = [new_id() for _ in range(403)]
            Threads(lambda: None).race(
                CALLERS,
                lambda number: [
                    gateway.authorise(a_key("a"), order_id=one, amount=Money(7, "JPY"), method="tok_visa")
                    for one in orders[number::CALLERS]
                ],
            )
            entries = list(gateway.entries())
            assert Counter(entry.order_id for entry in entries) == Counter(orders)
            assert {entry.authorised for entry in entries} == {Money(7, "JPY")}
            assert {effect.operation for entry in entries for effect in entry.effects} == {
                Operation.AUTHORISE
            }
