"""Do what a wake asks for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from application.delivery.drain_key import DrainKeyHandler
from application.ports.outbox import Wake
from application.ports.sagas import SAGA_WAKE
from application.sagas.advance_saga import AdvanceSagaHandler

_log: Final = logging.getLogger("holdwater.delivery")


@dataclass(frozen=True)
class HandleWakeHandler:
    """A wake names a saga, or a consumer with messages."""

    drain_key: DrainKeyHandler
    advance_saga: AdvanceSagaHandler | None
    """None: sagas are not carried out here; they wait for a worker that does."""

    def handle(self, wake: Wake) -> None:
        """Raises StoreUnavailable, TransactionConflict; what was claimed then runs out and is woken again."""
        if wake.consumer != SAGA_WAKE:
            self.drain_key.handle(wake)
        elif self.advance_saga is None:
            _log.warning("saga %s waits: no payment gateway is configured here", wake.key)
        else:
            self.advance_saga.handle(wake.tenant_id, wake.key)
