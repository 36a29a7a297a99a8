"""A client of the public API that does as clients should: keeps connections, retries with the same key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from entrypoints.cli.errors import CommandFailed

TRIES_MAX: Final = 10
RETRY_AFTER_MAX_S: Final = 5.0
TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `seconds` is the time from sending the request to having read the answer."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: Any
    seconds: float

    @property
    def etag(self) -> str:
        """The entity tag, to be sent back in If-Match."""
        return self.headers["ETag"]

    @property
    def replayed(self) -> bool:
        """Whether this is the stored answer of an earlier request with the same key."""
        return self.headers.get("Idempotent-Replayed") == "true"


class UnexpectedReply(CommandFailed):
    """The service answered what it should not have."""

    def __init__(self, method: str, path: str, reply: Reply) -> None:
        super().__init__(f"{method} {path} was answered with {reply.status}: {json.dumps(reply.body)[:500]}")


class ApiClient:
    """One pool of connections with one token, shared by as many threads as it has connections."""

    def __init__(self, url: str, token: str, *, connections: int) -> None:
        self._pool = urllib3.connection_from_url(
            url,
            maxsize=connections,
            block=True,
            retries=False,
            timeout=TIMEOUT_S,
            headers=urllib3.HTTPHeaderDict(),
        )
        self._authorization = f"Bearer {token}"

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        if_match: str | None = None,
    ) -> Reply:
        """Send one request once; raises urllib3.exceptions.HTTPError when no answer came."""
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = f'"{key}"'
        if if_match is not None:
            headers["If-Match"] = if_match
        started = time.perf_counter()
        response = self._pool.request(
            method, path, body=None if body is None else json.dumps(body).encode(), headers=headers
        )
        content = response.data
        seconds = time.perf_counter() - started
        return Reply(response.status, response.headers, json.loads(content) if content else None, seconds)

    def insist(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        if_match: str | None = None,
    ) -> Reply:
        """Send until there is a lasting answer: again after 409 with Retry-After, 429, 5xx, or none at all.

        Only for requests that may be repeated: reads, and changes under a key. Gives the last answer after
        TRIES_MAX tries; raises urllib3.exceptions.HTTPError if there was none even then.
        """
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                reply = self.send(method, path, body, key=key, if_match=if_match)
            except urllib3.exceptions.HTTPError:
                if not tries_left:
                    raise
                time.sleep(RETRY_AFTER_MAX_S / TRIES_MAX)
                continue
            wait_s = reply.headers.get("Retry-After")
            if wait_s is None or not tries_left:
                return reply
            time.sleep(min(float(wait_s), RETRY_AFTER_MAX_S))
        raise AssertionError("the last try returns or raises")

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """Every page of a list, in turn. Raises UnexpectedReply."""
        next_page: str | None = path
        while next_page:
            reply = self.insist("GET", next_page)
            if reply.status != 200:
                raise UnexpectedReply("GET", next_page, reply)
            yield reply.body["items"]
            next_page = reply.body["next"]
