"""The WSGI application."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "entrypoints.django_site.settings")

_django = get_wsgi_application()

# Connections are looked at when a request ends: none grows old in between, no query is noted, no cache is in use.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_caches)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's application, with each answer handed over whole.

    A list of bytes lets the server set Content-Length and send in one piece. No answer here is streamed.
    """
    response = _django(environ, start_response)
    try:
        return list(response)
    finally:
        response.close()  # Django's signal request_finished: connections that broke are dropped
