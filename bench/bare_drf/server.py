"""Serves the bare application with the web server and the settings of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from entrypoints.limits import CONNECTIONS_WAITING_MAX


def application() -> Callable[..., Iterable[bytes]]:
    """Django's application, with each answer handed over in one piece: as ours is, since it is faster so."""
    django = get_wsgi_application()

    def whole(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = django(environ, start_response)
        try:
            return list(response)
        finally:
            response.close()

    return whole


def serve(port: int, workers: int, threads: int) -> None:
    """Until SIGTERM."""
    MPServer(
        "bare_drf.server:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=workers,
        blocking_threads=threads,
        blocking_threads_idle_timeout=600,
        backlog=CONNECTIONS_WAITING_MAX,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve(target_loader=application, wrap_loader=False)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
