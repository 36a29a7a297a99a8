"""What callers of the sandbox ask for, and how it refuses them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from application.ports.payment_gateway import Operation


class CallRefused(Exception):
    """The call is not carried out, and not remembered under its key."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Everything that has to be the same when a key comes again."""

    operation: Operation
    payment_id: str = ""
    """Empty for an authorisation, which makes one."""
    order_id: str = ""
    amount: int = 0
    """In minor units; 0 for a void."""
    currency: str = ""
    method: str = ""

    @property
    def parameters(self) -> str:
        """As it is kept in the ledger."""
        return json.dumps(
            [self.operation, self.payment_id, self.order_id, self.amount, self.currency, self.method]
        )

    @classmethod
    def from_parameters(cls, text: str) -> Call:
        """What was kept."""
        operation, payment_id, order_id, amount, currency, method = json.loads(text)
        return cls(
            operation=Operation(operation),
            payment_id=payment_id,
            order_id=order_id,
            amount=amount,
            currency=currency,
            method=method,
        )


Answer = dict[str, Any]
"""What became of a key: key, operation, payment_id, amount (minor units), currency, declined (or None), at."""
