"""What one call to the payment gateway means for the saga whose step it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from application.ports.payment_gateway import (
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayReply,
    GatewayUnavailable,
    PaymentGateway,
)
from domain.saga.outcome import NothingFound, Outcome, StepDone, StepFailed, StepRefused, StepUnclear

_log: Final = logging.getLogger("holdwater.saga")


def outcome_of_call(gateway: PaymentGateway, key: str, call: Callable[[], GatewayReply | None]) -> Outcome:
    """Make the call, once; the gateway's reply or its error as an outcome of the step."""
    try:
        reply = call()
    except GatewayRefused as error:
        # A fault of ours or of the settings: it had no effect, and the same call may work once that is mended.
        _log.error("%s was refused: %s", key, error)
        return StepFailed(str(error))
    except GatewayUnavailable as error:
        return StepFailed(str(error))
    except GatewayOutcomeUnknown as error:
        return StepUnclear(str(error))
    if reply is None:
        # An effect may appear for as long as a call that is on its way takes, and the gateway to settle it.
        return NothingFound(timedelta(seconds=gateway.settle_s + gateway.timeout_s))
    return StepDone(reply.payment_id) if reply.declined is None else StepRefused(reply.declined)
