"""A client that sends a request until it has a definite answer, as a good client of the API does."""

from __future__ import annotations

import http.client
import json
import random
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

REQUEST_TIMEOUT_S: Final = 15.0
ANSWER_WITHIN_S: Final = 300.0
"""Longer than any one outage of a run takes, also where other programs keep the machine busy."""
PAUSE_S_FIRST: Final = 0.05
PAUSE_S_MAX: Final = 1.0
PASSING: Final = frozenset({429, 500, 502, 503, 504})
IN_PROGRESS: Final = "request-in-progress"


class NeverAnswered(Exception):
    """No definite answer within ANSWER_WITHIN_S; the message names the request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A definite answer. `tries`: how often it was sent."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]
    tries: int

    def __str__(self) -> str:
        shown = {name: self.body[name] for name in ("code", "id", "version") if name in self.body}
        return f"{self.status} {shown} at try {self.tries}"


class PatientClient:
    """One connection, kept open while it holds; belongs to one thread."""

    def __init__(self, url: str, token: str, dice: random.Random) -> None:
        self._netloc = urlsplit(url).netloc
        self._token, self._dice = token, dice
        self._connection: http.client.HTTPConnection | None = None
        self.failed_tries = 0
        self.server_errors = 0
        """Answers 500, which no fault of a neighbour excuses."""

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send until there is an answer that no repetition would change. Raises NeverAnswered."""
        deadline, pause_s, tries = time.monotonic() + ANSWER_WITHIN_S, PAUSE_S_FIRST, 0
        while time.monotonic() < deadline:
            tries += 1
            try:
                answer = self._once(method, path, body, headers or {}, tries)
            except (OSError, http.client.HTTPException):
                self.close()
            else:
                self.server_errors += answer.status == 500
                if answer.status not in PASSING and answer.body.get("code") != IN_PROGRESS:
                    return answer
            self.failed_tries += 1
            time.sleep(pause_s * self._dice.uniform(0.5, 1))
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
        raise NeverAnswered(f"{method} {path} had no definite answer within {ANSWER_WITHIN_S:g} s")

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, method: str, path: str, body: Any, headers: dict[str, str], tries: int) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._netloc, timeout=REQUEST_TIMEOUT_S)
        all_headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            **headers,
        }
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body)
        self._connection.request(method, path, payload, all_headers)
        response = self._connection.getresponse()
        text = response.read()
        found = json.loads(text) if text else {}
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, found if isinstance(found, dict) else {"items": found}, tries)
