"""Handle the messages of one key in order, until there is none or one of them fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from application.delivery.consumer import Consumer, TryAgainLater, Undeliverable, reaction_context
from application.ports.outbox import ClaimLost, Message, MessageClaims, Wake
from application.ports.unit_of_work import OpenUnitOfWork, StoreUnavailable

ENDS_WITHOUT_A_WORD_MAX: Final = 10
"""So many workers may die over a message; it is their end rather than chance then."""
MESSAGES_PER_WAKE_MAX: Final = 100
"""A key with more messages than this gives way to others; the relay wakes it again."""

_log: Final = logging.getLogger("holdwater.delivery")


@dataclass(frozen=True)
class DrainKeyHandler:
    """Claims, acts, records and settles, message by message.

    A message whose handler fails is put off by its consumer's delays and parked in the end: its key waits, others
    flow (O4). A worker that dies leaves its claim to run out.
    """

    claims: MessageClaims
    consumers: Mapping[str, Consumer]
    open_unit_of_work: OpenUnitOfWork

    def handle(self, wake: Wake) -> int:
        """How many messages were settled. Raises StoreUnavailable; the claim that was held then runs out."""
        consumer = self.consumers.get(wake.consumer)
        if consumer is None:  # of a newer version of this service, or one that was turned off: its rows stay
            _log.warning("no consumer is called %s here; its messages wait", wake.consumer)
            return 0
        for settled in range(MESSAGES_PER_WAKE_MAX):
            message = self.claims.claim(wake)
            if message is None or not self._is_delivered(message, consumer):
                return settled
        return MESSAGES_PER_WAKE_MAX

    def _is_delivered(self, message: Message, consumer: Consumer) -> bool:
        if message.tries - message.failures > ENDS_WITHOUT_A_WORD_MAX:
            self._park(message, f"its worker ended without a word {ENDS_WITHOUT_A_WORD_MAX} times")
            return False
        try:
            event = message.read_event()
            consumer.act(message, event)
            with self.open_unit_of_work(reaction_context(message, event)) as uow:
                uow.inbox.settle(message)
                consumer.record(event, uow)
        except StoreUnavailable:
            raise
        except ClaimLost:
            _log.warning("message %s took longer than its claim; another worker has it", message.id)
            return False
        except Undeliverable as refusal:
            self._park(message, str(refusal))
            return False
        except Exception as error:  # noqa: BLE001 - whatever a consumer raises stops its key alone
            self._failed(message, consumer, error)
            return False
        return True

    def _failed(self, message: Message, consumer: Consumer, error: Exception) -> None:
        asked = error.delay if isinstance(error, TryAgainLater) else timedelta(0)
        reason = str(error) if isinstance(error, TryAgainLater) else f"{type(error).__name__}: {error}"
        if message.failures >= len(consumer.retry_delays):
            self._park(message, reason)
            return
        delay = max(asked, consumer.retry_delays[message.failures])
        _log.warning(
            "message %s for %s failed, next try in %s: %s", message.id, message.wake.consumer, delay, reason
        )
        self.claims.put_off(message, delay=delay, error=reason)

    def _park(self, message: Message, reason: str) -> None:
        _log.error(
            "message %s for %s is a dead letter after %d tries: %s",
            message.id,
            message.wake.consumer,
            message.tries,
            reason,
        )
        self.claims.park(message, error=reason)
