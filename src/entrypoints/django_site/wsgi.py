"""The WSGI application."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "entrypoints.django_site.settings")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's application, with each answer handed over whole.

    A list of bytes lets the server set Content-Length and send in one piece. No answer here is streamed.
    """
    response = _django(environ, start_response)
    try:
        return list(response)
    finally:
        response.close()  # Django's signal request_finished: connections that broke are dropped
