"""A WSGI application that passes each request on to a server, so that in-process clients speak over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import urllib3

from integration.rest_api.checked_client import DOCUMENT, Application

REQUEST_TIMEOUT_S: Final = 30.0
_NAMES: Final = {
    name.lower(): name
    for name in (*DOCUMENT["components"]["headers"], "Content-Type", "X-Content-Type-Options", "Allow")
}
"""The wire knows no case of header names, in-process tests do; what the server itself adds is left out."""


def over_http(url: str) -> Application:
    """The application at that address."""
    pool = urllib3.PoolManager(retries=False, timeout=REQUEST_TIMEOUT_S)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = environ["QUERY_STRING"]
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") and name != "HTTP_HOST"
        }
        body = None if environ["REQUEST_METHOD"] == "GET" else environ["wsgi.input"].read()
        if body is not None:
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        answer = pool.request(
            environ["REQUEST_METHOD"],
            f"{url}{environ['PATH_INFO']}{'?' if query else ''}{query}",
            headers=headers,
            body=body,
            redirect=False,
        )
        given = [
            (_NAMES[name.lower()], value) for name, value in answer.headers.items() if name.lower() in _NAMES
        ]
        start_response(f"{answer.status} {answer.reason}", given)
        return [answer.data]

    return application
