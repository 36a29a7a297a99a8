"""Batches to POST /v1/readings: kept connections, retries with the same key, and answers in the order of the file."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast
from urllib.parse import urlencode

import urllib3

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.batches import LINES, Batch
from entrypoints.cli.ingest.faults import Fault

TRIES_MAX: Final = 25
BACK_OFF_BASE_S: Final = 0.1
BACK_OFF_MAX_S: Final = 10.0
RETRY_AFTER_MAX_S: Final = 60.0
ASK_AGAIN_S: Final = 1.0
ASKED_MAX: Final = 600
"""How often to ask what became of a batch that is loaded later."""
TIMEOUT_S: Final = urllib3.Timeout(connect=10.0, read=120.0)
WAITING_PER_CONNECTION: Final = 2
"""Batches in memory for each connection, with the one that it sends."""
_AGAIN: Final = frozenset({429, 502, 503, 504})
_NO_MORE_TRIES: Final = "the service gave no answer in time"

_random: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service made of a batch; `faults` by the lines of the file, the first 100."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    faults: tuple[Fault, ...] = ()


class Pool(Protocol):
    """What is needed of urllib3's pools; safe from several threads."""

    def request(
        self, method: str, url: str, *, body: bytes, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """One try. Raises urllib3.exceptions.HTTPError when no answer came."""
        ...

    def close(self) -> None:
        """Let the connections go."""
        ...


class Sender:
    """One pool of connections, and a thread for each."""

    def __init__(
        self,
        pool: Pool,
        token: str,
        *,
        path: str = "",
        connections: int,
        precision: str = "ns",
        stopped: threading.Event | None = None,
    ) -> None:
        self._pool = pool
        self._path = path.rstrip("/")
        self._token = token
        self._connections = connections
        self._precision = precision
        self._stopped = stopped or threading.Event()

    @staticmethod
    def to(url: str, token: str, *, connections: int, precision: str) -> Sender:
        """A sender to the service at that address. Raises CommandFailed if it is none."""
        try:
            pool = urllib3.connection_from_url(
                url, maxsize=connections, block=True, retries=False, timeout=TIMEOUT_S
            )
            path = urllib3.util.parse_url(url).path or ""
        except urllib3.exceptions.HTTPError as error:
            raise CommandFailed.usage(f"--url {url!r} is no address of a service: {error}") from error
        return Sender(cast(Pool, pool), token, path=path, connections=connections, precision=precision)

    def send_all(
        self, run: str, first: int, batches: Iterable[Batch]
    ) -> Generator[tuple[Batch, Answer], None, None]:
        """Send several at once; each with its answer, in their order. `first` is the number of the first.

        Raises CommandFailed for the earliest that could not be sent; later ones may have been.
        """
        waiting: deque[tuple[Batch, Future[Answer]]] = deque()
        with self._threads() as threads:
            for number, batch in enumerate(batches, first):
                waiting.append((batch, threads.submit(self.send, batch, f"{run}-{number}")))
                while len(waiting) >= WAITING_PER_CONNECTION * self._connections or (
                    waiting and waiting[0][1].done()
                ):
                    sent, answer = waiting.popleft()
                    yield sent, answer.result()
            while waiting:
                sent, answer = waiting.popleft()
                yield sent, answer.result()

    def send(self, batch: Batch, name: str) -> Answer:
        """Send until there is a lasting answer. Raises CommandFailed that names the lines."""
        if not batch.body:
            return Answer()
        query = {"mode": "partial"} | ({"precision": self._precision} if batch.content_type == LINES else {})
        key = f"ingest-{name}-{hashlib.sha256(batch.body).hexdigest()[:16]}"
        headers = {
            "Content-Type": batch.content_type,
            # Answers to retries are the first one's: what it accepted is not reported as duplicates.
            "Idempotency-Key": f'"{key}"',
        }
        response = self._insist(
            batch, "POST", f"{self._path}/v1/readings?{urlencode(query)}", headers, batch.body
        )
        return _answer(
            batch, response.json() if response.status == 200 else self._loaded_later(batch, response)
        )

    def _loaded_later(self, batch: Batch, response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        """What became of a batch that was too large to wait for (202). Raises CommandFailed."""
        place = self._path + response.headers["Location"]
        for _ in range(ASKED_MAX):
            if self._stopped.wait(
                min(_seconds(response.headers.get("Retry-After")) or ASK_AGAIN_S, ASK_AGAIN_S)
            ):
                break
            intake = self._insist(batch, "GET", place, {}, b"").json()
            if intake["status"] == "loaded":
                return cast("dict[str, Any]", intake["result"])
            if intake["status"] == "refused":
                raise _failed(batch, intake["refusal"]["detail"], exit_code=os.EX_DATAERR)
        problem = f"the service keeps them at {place}, and has not loaded them yet; is a worker running?"
        raise _failed(batch, problem, exit_code=os.EX_TEMPFAIL)

    def _insist(
        self, batch: Batch, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> urllib3.BaseHTTPResponse:
        """The answer, 200 or 202, after as many tries as it takes. Raises CommandFailed."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **headers}
        problem = _NO_MORE_TRIES
        for number in range(1, TRIES_MAX + 1):
            wait_s = _back_off_s(number)
            try:
                response = self._pool.request(method, path, body=body, headers=headers)
            except urllib3.exceptions.HTTPError as error:
                problem = f"the service does not answer ({error})"
            else:
                if response.status in (200, 202):
                    return response
                told_s = _seconds(response.headers.get("Retry-After"))
                problem = _problem(response)
                if response.status not in _AGAIN and not (response.status == 409 and told_s is not None):
                    raise _failed(batch, problem, exit_code=_EXIT_CODES.get(response.status, os.EX_SOFTWARE))
                wait_s = max(wait_s, min(told_s or 0.0, RETRY_AFTER_MAX_S))
            if number < TRIES_MAX and self._stopped.wait(wait_s):
                break
        raise _failed(batch, f"{problem}; {TRIES_MAX} tries were made", exit_code=os.EX_TEMPFAIL)

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()

    @contextmanager
    def _threads(self) -> Iterator[ThreadPoolExecutor]:
        threads = ThreadPoolExecutor(self._connections, thread_name_prefix="ingest")
        try:
            yield threads
        except BaseException:
            # Who waits to try again gives up; who waits for an answer gets it, and its rows are duplicates later.
            self._stopped.set()
            raise
        finally:
            threads.shutdown(cancel_futures=True)


_EXIT_CODES: Final = {
    400: os.EX_USAGE,
    401: os.EX_NOPERM,
    403: os.EX_NOPERM,
    404: os.EX_UNAVAILABLE,
    413: os.EX_USAGE,
}


def _back_off_s(number: int) -> float:
    """Half of a bound that doubles each try, and a random part of the other half."""
    bound = min(BACK_OFF_MAX_S, BACK_OFF_BASE_S * 2.0**number)
    return bound * (1 + _random.random()) / 2


def _answer(batch: Batch, body: dict[str, Any]) -> Answer:
    faults = tuple(
        Fault(int(batch.lines[fault["row"]]), fault["reason"], fault["detail"]) for fault in body["faults"]
    )
    counts = {name: int(body[name]) for name in ("accepted", "duplicate", "conflict", "rejected")}
    return Answer(**counts, faults=faults)


def _failed(batch: Batch, problem: str, *, exit_code: int) -> CommandFailed:
    first, last = int(batch.lines[0]), int(batch.lines[-1])
    return CommandFailed(f"{batch.unit}s {first:,} to {last:,}: {problem}", exit_code=exit_code)


def _problem(response: urllib3.BaseHTTPResponse) -> str:
    """What an RFC 9457 answer says; else its beginning."""
    try:
        body = json.loads(response.data)
        said = body.get("detail") or body.get("title")
    except (ValueError, AttributeError):
        said = response.data[:200].decode(errors="replace")
    hint = "; lower --batch-rows" if response.status == 413 else ""
    return f"the service answered {response.status}: {said}{hint}"


def _seconds(retry_after: str | None) -> float | None:
    try:
        return None if retry_after is None else max(float(retry_after), 0.0)
    except ValueError:
        return RETRY_AFTER_MAX_S
