"""Tells a receiver of every answer: signed, and tried again from the books until it is taken."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

import urllib3
from standardwebhooks import Webhook

from adapters.sandbox_gateway.ledger import Callback, Ledger

SENDERS: Final = 4
BATCH_MAX: Final = 32
TIMEOUT_S: Final = 5.0
"""For each step of one try."""
LOOK_EVERY_S: Final = 0.2
PAUSE_S_FIRST: Final = 0.2
PAUSE_S_MAX: Final = 10.0
STOP_TIMEOUT_S: Final = 10.0

_log: Final = logging.getLogger("holdwater.sandbox_gateway")


def pause_s(tries: int) -> float:
    """How long a callback that was tried so often waits: doubling up to PAUSE_S_MAX, less up to half by chance."""
    longest: float = min(PAUSE_S_MAX, PAUSE_S_FIRST * 2 ** min(tries, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


class CallbackSender:
    """A thread that looks for due callbacks and lets a few others post them (Standard Webhooks 1.0.0).

    A callback may arrive more than once, and after a later one; receivers know it by `webhook-id`.
    """

    def __init__(self, ledger: Ledger, *, url: str, secret: str) -> None:
        self._ledger, self._url, self._signer = ledger, url, Webhook(secret)
        self._http = urllib3.PoolManager(maxsize=SENDERS, retries=False, timeout=TIMEOUT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
        self._is_away = False

    def start(self) -> None:
        """Begin; what an earlier process left in the books is sent too."""
        self._thread.start()

    def stop(self) -> None:
        """Let the tries that run end; what was not taken stays in the books."""
        self._stop.set()
        self._ledger.told.set()
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="callback") as pool:
            while not self._stop.is_set():
                self._ledger.told.clear()
                try:
                    goes_on = self._round(pool)
                except (sqlite3.Error, OSError):
                    _log.exception("callbacks can't be read from the ledger, or noted in it")
                    goes_on = False
                if not goes_on:
                    self._ledger.told.wait(LOOK_EVERY_S)

    def _round(self, pool: ThreadPoolExecutor) -> bool:
        """Try what is due; whether anything was."""
        due = self._ledger.due_callbacks(BATCH_MAX)
        failures = list(pool.map(self._failure_of, due))
        tried = list(zip(due, failures, strict=True))
        self._ledger.note_callbacks(
            [callback.number for callback, failure in tried if failure is None],
            [(callback.number, pause_s(callback.tries)) for callback, failure in tried if failure],
        )
        self._report(failures)
        return bool(due)

    def _failure_of(self, callback: Callback) -> str | None:
        """Post it; None if it was taken, else why not."""
        body, at = json.dumps(callback.answer, separators=(",", ":")), datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Holdwater-Sandbox",
            "webhook-id": callback.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(callback.id, at, body),
        }
        try:
            status = self._http.request(
                "POST", self._url, body=body.encode(), headers=headers, redirect=False
            ).status
        except urllib3.exceptions.HTTPError as error:
            return type(error).__name__
        return None if 200 <= status <= 299 else f"it answered {status}"

    def _report(self, failures: list[str | None]) -> None:
        """Say once that the receiver takes nothing, and once that it does again."""
        problem = next((one for one in failures if one), None)
        if problem and not self._is_away and None not in failures:
            self._is_away = True
            _log.warning("the receiver of callbacks takes none (%s); they are tried again", problem)
        elif self._is_away and None in failures:
            self._is_away = False
            _log.warning("the receiver of callbacks takes them again")
