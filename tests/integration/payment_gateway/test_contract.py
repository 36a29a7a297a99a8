"""The contract over HTTP, with the sandbox as a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from integration.payment_gateway.gateway_process import GatewayProcess, gateway_process
from unit.contracts.payment_gateway_contract import PaymentGatewayContract

LATE_S = 3.0


@dataclass
class SandboxProvider:
    """The adapter, and the process that it leads to."""

    gateway: SandboxPaymentGateway
    late_s: float = LATE_S

    @property
    def ledger(self) -> SandboxPaymentGateway:
        return self.gateway

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One process for the module. It hangs up soon, so that no test waits for a time-out."""
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_process(folder, "--slow-s", "0.2", "--late-s", str(LATE_S), "--hang-s", "0.1") as process:
        yield process


class TestTheSandbox(PaymentGatewayContract):
    @pytest.fixture
    def provider(self, process: GatewayProcess) -> Iterator[SandboxProvider]:
        with process.gateway() as gateway:
            yield SandboxProvider(gateway)
