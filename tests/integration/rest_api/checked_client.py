"""A client in the API's own process that holds every answer against the OpenAPI document."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from jsonschema import Draft202012Validator

from domain.errors import DomainError
from entrypoints.error_table import verdict_of
from entrypoints.http_messages.openapi import openapi_document

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

DOCUMENT: Final = openapi_document()
PROBLEM_JSON: Final = "application/problem+json"
_TEMPLATES: Final = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
    for path, operations in DOCUMENT["paths"].items()
]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem that it is."""
        assert self.headers["Content-Type"] == PROBLEM_JSON, self
        code: str = self.json["code"]
        return code

    @property
    def fields(self) -> list[str]:
        """The fields that the problem names."""
        return [error["field"] for error in self.json["errors"]]


@dataclass(frozen=True)
class CheckedClient:
    """Calls the WSGI application as a server does, for the owner of one token."""

    application: Application
    token: str | None = None

    def as_(self, token: str | None) -> CheckedClient:
        """The same for another token, or for nobody."""
        return CheckedClient(self.application, token)

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.call("GET", path, b"", **headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """POST of a JSON body."""
        return self.call("POST", path, json.dumps(body).encode(), **headers)

    def patch(self, path: str, body: object, **headers: str) -> Answer:
        """PATCH of a JSON body."""
        return self.call("PATCH", path, json.dumps(body).encode(), **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        """DELETE."""
        return self.call("DELETE", path, b"", **headers)

    def call(self, method: str, path: str, raw: bytes = b"", **headers: str) -> Answer:
        """Any call; headers are written `if_match=`, and None of them is sent but these and the token."""
        path_info, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(path_info).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(raw)),
            "CONTENT_TYPE": headers.pop("content_type", "application/json"),
            "HTTP_HOST": headers.pop("host", "localhost"),
            "wsgi.input": io.BytesIO(raw),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
        }
        if self.token is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self.application(environ, lambda status, given, *_: started.append((status, given))))
        ((status, given),) = started
        answer = Answer(int(status.partition(" ")[0]), dict(given), body)
        _require_documented(method, path_info, answer)
        return answer


def _require_documented(method: str, path: str, answer: Answer) -> None:
    assert answer.headers["X-Request-Id"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", answer.headers["traceparent"])
    if answer.headers.get("Content-Type") == PROBLEM_JSON:
        _require_sound_problem(answer)
    operation = _documented(method, path)
    if operation is None or answer.status == 405:
        return
    assert str(answer.status) in operation["responses"], f"{method} {path}: {answer} is not documented"
    response = operation["responses"][str(answer.status)]
    undocumented = answer.headers.keys() - response["headers"].keys()
    assert undocumented <= {"Content-Type", "X-Content-Type-Options", "Cache-Control"}, undocumented
    if "content" not in response:
        assert (answer.body, "Content-Type" in answer.headers) == (b"", False), answer
        return
    (media,) = response["content"]
    assert answer.headers["Content-Type"] == media
    schema = {**response["content"][media]["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(answer.json)
    for name in answer.headers.keys() & response["headers"].keys():
        header = DOCUMENT["components"]["headers"][name]["schema"]
        if header.get("type") != "integer":
            Draft202012Validator(header).validate(answer.headers[name])


def _require_sound_problem(answer: Answer) -> None:
    problem = answer.json
    error = DomainError.known()[problem["code"]]
    assert problem["status"] == answer.status == verdict_of(error).status
    assert problem["type"] == f"/docs/problems/{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    if verdict_of(error).retryable:
        assert int(answer.headers["Retry-After"]) >= 1


def _documented(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _TEMPLATES:
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None
