"""Which payment gateway there is, by the settings; and whose secrets the command takes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.embedded.ports import free_port
from adapters.embedded.state_directory import StateDirectory
from adapters.memory.payment_gateway import InMemoryPaymentGateway
from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.system_clock import new_id
from entrypoints.cli.sandbox_gateway import HANG_S_DEFAULT, LATE_S_DEFAULT
from entrypoints.container import Container
from entrypoints.limits import GATEWAY_SETTLE_S, GATEWAY_TIMEOUT_S
from entrypoints.settings import Settings
from integration.payment_gateway.gateway_process import START_TIMEOUT_S
from unit.contracts.payment_gateway_contract import PRICE, a_key

SANDBOX = {
    "HOLDWATER_PAYMENT_GATEWAY_URL": "http://127.0.0.1:8400",
    "HOLDWATER_PAYMENT_GATEWAY_TOKEN": "open-sesame-and-more",
}


def container_of(environment: dict[str, str]) -> Container:
    """A container with these variables."""
    container = Container()
    container.settings.override(Settings.from_environment(environment))
    return container


class TestThePaymentGateway:
    @pytest.mark.parametrize(
        ("environment", "kind"),
        [
            (SANDBOX, SandboxPaymentGateway),
            (SANDBOX | {"HOLDWATER_PERSISTENCE": "memory"}, SandboxPaymentGateway),
            (
                {"HOLDWATER_PERSISTENCE": "memory", "HOLDWATER_PAYMENT_GATEWAY_URL": "memory"},
                InMemoryPaymentGateway,
            ),
            ({}, type(None)),
        ],
    )
    def test_is_the_one_that_is_set_up_once_a_process(
        self, environment: dict[str, str], kind: type[object]
    ) -> None:
        container = container_of(environment)
        gateway = container.payment_gateway()
        assert type(gateway) is kind
        assert container.payment_gateway() is gateway
        assert "open-sesame" not in repr(gateway)
        if gateway is not None:
            assert (gateway.timeout_s, gateway.settle_s) == (GATEWAY_TIMEOUT_S, GATEWAY_SETTLE_S)

    def test_of_the_sandbox_is_late_after_a_time_out_but_before_it_settles(self) -> None:
        assert GATEWAY_TIMEOUT_S < LATE_S_DEFAULT < GATEWAY_SETTLE_S - GATEWAY_TIMEOUT_S / 2
        assert HANG_S_DEFAULT > GATEWAY_TIMEOUT_S

    def test_takes_the_token_of_its_state_directory(self, tmp_path: Path) -> None:
        hidden = ("HOLDWATER_PAYMENT_GATEWAY_TOKEN", "HOLDWATER_PAYMENT_CALLBACK_SECRET")
        port = free_port()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "entrypoints.cli.main", "sandbox-gateway"),
                *("--port", str(port), "--state-dir", str(tmp_path)),
            ],
            env={name: value for name, value in os.environ.items() if name not in hidden},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"The sandbox gateway answers at http://127.0.0.1:{port}\n"
            secrets = StateDirectory(tmp_path).secrets()
            url = {"HOLDWATER_PAYMENT_GATEWAY_URL": f"http://127.0.0.1:{port}"}
            token = {"HOLDWATER_PAYMENT_GATEWAY_TOKEN": secrets.payment_gateway_token}
            callback = {"HOLDWATER_PAYMENT_CALLBACK_SECRET": secrets.payment_callback_secret}
            with closing(container_of(url | token | callback).payment_gateway()) as gateway:
                reply = gateway.authorise(a_key("a"), order_id=new_id(), amount=PRICE, method="tok_visa")
            assert reply.declined is None
        finally:
            process.kill()
            process.communicate(timeout=START_TIMEOUT_S)
