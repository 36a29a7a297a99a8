"""Whether the payment gateway answers, and takes our token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from application.ports.payment_gateway import GatewayRefused, GatewayUnavailable, PaymentGateway
from application.ports.readiness import CheckResult

NO_KEY: Final = "readiness"
"""A key that no call has."""


@dataclass(frozen=True)
class GatewayCheck:
    """The check `payment gateway`. The service goes on without it: orders wait until it is back."""

    gateway: PaymentGateway | None

    def __call__(self) -> CheckResult:
        """Ask for a key that it doesn't know; takes the gateway's time-out at most."""
        return CheckResult("payment gateway", required=False, problem=self._problem())

    def _problem(self) -> str | None:
        if self.gateway is None:
            return (
                "HOLDWATER_PAYMENT_GATEWAY_URL is not set: orders can be placed and cancelled, not fulfilled"
            )
        try:
            self.gateway.ask(NO_KEY)
        except GatewayUnavailable as error:
            return f"{error} Until it is back, orders stay pending"
        except GatewayRefused as error:
            return str(error)
        return None
