"""A client process: it makes its batches before a round and sends them in it, over one connection that it keeps.

What it sends to is our web server, another one, or PostgreSQL itself.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import IO, Any, Final

import psycopg2

from ingestion.batches import MEDIA_TYPES, ROWS, Gateway
from shared.crew import READY

ANSWER_TIMEOUT_S: Final = 120.0
_CHUNK_BYTES: Final = 64 * 1024

Send = Callable[[bytes], tuple[int, int]]
"""Sends a batch; how many rows were accepted, and how many were duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a client process sends, and what: the batches of its gateways by turns.

    `port` and `path` are those of a web server; `url` and `table`, of a table to copy into.
    """

    form: str
    gateways: list[dict[str, Any]]
    port: int = 0
    path: str = ""
    headers: dict[str, str] | None = None
    url: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client sent in a round, and what it was told of that."""

    rows: int
    accepted: int
    duplicate: int
    cpu_s: float
    latencies_s: list[float]

    @classmethod
    def of_line(cls, line: str) -> Sent:
        """What the client process answered. Raises RuntimeError if a batch was not taken."""
        found = json.loads(line)
        if "error" in found:
            raise RuntimeError(found["error"])
        return cls(**found)


def first_line(targets: Sequence[Target]) -> str:
    """For a client process."""
    return json.dumps([asdict(target) for target in targets])


class _NotTaken(Exception):
    """A batch was answered with something else than a success."""


def run_sender(orders: IO[str], answers: IO[str]) -> None:
    """A client process's work: a list of targets; then, by turns, what to make ready, and a line to send it.

    What to make ready is the place of a target and a number of batches of each of its gateways; whatever comes twice
    comes on top.
    """
    with ExitStack() as stack:
        senders = [_Sender(Target(**target), stack) for target in json.loads(orders.readline())]
        print(READY, file=answers, flush=True)
        for line in orders:
            place, batches = map(int, line.split())
            bodies = senders[place].bodies(batches)
            print(READY, file=answers, flush=True)
            if not orders.readline():
                return
            print(json.dumps(_send_all(senders[place].send, bodies)), file=answers, flush=True)


class _Sender:
    """A connection to a target, and how far its gateways have come."""

    def __init__(self, target: Target, stack: ExitStack) -> None:
        self.send, self._renew = stack.enter_context(_open(target))
        self._form = target.form
        self._gateways = [Gateway(**gateway) for gateway in target.gateways]
        self._batches = 0

    def bodies(self, batches: int) -> list[bytes]:
        """The next ones; and a connection that no server has given up meanwhile."""
        self._renew()
        first, self._batches = self._batches, self._batches + batches
        return list(_bodies(self._gateways, self._form, range(first, self._batches)))


def _bodies(gateways: Sequence[Gateway], form: str, batches: range) -> Iterator[bytes]:
    for batch in batches:
        for gateway in gateways:
            body = gateway.body(form, batch)
            for _ in range(gateway.times_sent(batch)):
                yield body


def _send_all(send: Send, bodies: Sequence[bytes]) -> dict[str, Any]:
    cpu_s, latencies_s, accepted, duplicate = time.process_time(), [], 0, 0
    try:
        for body in bodies:
            started = time.perf_counter()
            new, old = send(body)
            latencies_s.append(time.perf_counter() - started)
            accepted, duplicate = accepted + new, duplicate + old
    except (_NotTaken, OSError, http.client.HTTPException, psycopg2.Error) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "rows": len(bodies) * ROWS,
        "accepted": accepted,
        "duplicate": duplicate,
        "cpu_s": time.process_time() - cpu_s,
        "latencies_s": latencies_s,
    }


@contextmanager
def _open(target: Target) -> Iterator[tuple[Send, Callable[[], None]]]:
    if target.url:
        with closing(psycopg2.connect(target.url)) as connection:
            yield _copying(connection, target.table), lambda: None
        return
    with closing(http.client.HTTPConnection("127.0.0.1", target.port, timeout=ANSWER_TIMEOUT_S)) as server:
        yield _posting(server, target), server.close  # the next request opens it again


def _posting(server: http.client.HTTPConnection, target: Target) -> Send:
    headers = {"Content-Type": MEDIA_TYPES[target.form], **(target.headers or {})}

    def post(body: bytes) -> tuple[int, int]:
        server.request("POST", target.path, body, headers)
        response = server.getresponse()
        answer = response.read()
        if response.status not in {200, 201}:
            raise _NotTaken(f"instead of a success came {response.status}: {answer[:500]!r}")
        told = json.loads(answer)
        if told.get("rejected") or told.get("conflict"):
            raise _NotTaken(f"rows were refused: {answer[:500]!r}")
        return told["accepted"], told["duplicate"]

    return post


def _copying(connection: Any, table: str) -> Send:
    sql = f"COPY {table} (tenant_id, series_id, ts, value) FROM STDIN (FORMAT binary)"

    def copy(body: bytes) -> tuple[int, int]:
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(sql, BytesIO(body), _CHUNK_BYTES)
        return ROWS, 0

    return copy
