"""What operators and readers of the API ask for: liveness, readiness, the OpenAPI document and its pages.

None of these needs a token, none shows anything of a tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Final

from django.http import HttpRequest, HttpResponse

from domain.errors import DomainError
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.openapi import openapi_json
from entrypoints.http_messages.problem_pages import problem_page, problems_index
from entrypoints.http_messages.request_errors import MethodNotAllowed, RouteNotFound
from entrypoints.rest_api import readiness
from entrypoints.rest_api.answers import json_answer, refused

View = Callable[..., HttpResponse]

_SWAGGER_FILES: Final = (
    files("drf_spectacular_sidecar") / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
)
_ASSETS: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_SWAGGER_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdwater API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
_SWAGGER_START: Final = (
    'SwaggerUIBundle({url: "/v1/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null});\n'
)
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
_HTML: Final = "text/html; charset=utf-8"
_ASSET_AGE_S: Final = 3_600


def livez(request: HttpRequest) -> HttpResponse:
    """The process runs. Touches nothing, so that a database fault never gets processes killed."""
    return json_answer(200, b'{"alive":true}', {})


def readyz(request: HttpRequest) -> HttpResponse:
    """Each check by its name; 503 when a required one has a problem (A5)."""
    checks = readiness.checks()
    is_ready = readiness.are_passed(checks)
    return json_answer(200 if is_ready else 503, Encoder.encode({"ready": is_ready, "checks": checks}), {})


def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return json_answer(200, openapi_json(), {})


def swagger_ui(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document to look at and to try; all its files come from here."""
    return _page(_SWAGGER_PAGE)


def swagger_asset(request: HttpRequest, name: str) -> HttpResponse:
    """One of Swagger UI's files."""
    if name == "start.js":
        response = HttpResponse(_SWAGGER_START, content_type=_ASSETS["swagger-ui-bundle.js"])
    elif name in _ASSETS:
        response = HttpResponse((_SWAGGER_FILES / name).read_bytes(), content_type=_ASSETS[name])
    else:
        return not_found(request)
    response.headers["Cache-Control"] = f"public, max-age={_ASSET_AGE_S}"
    return response


def problem_list(request: HttpRequest) -> HttpResponse:
    """Every refusal that there is."""
    return _page(problems_index())


def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What one refusal means and what to do."""
    error = DomainError.known().get(code)
    return not_found(request) if error is None else _page(problem_page(error))


def get_only(view: View) -> View:
    """The view for GET and HEAD; 405 with Allow for any other method."""

    def checked(request: HttpRequest, **arguments: str) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            refusal = MethodNotAllowed(method=request.method, allowed="GET, HEAD")
            return refused(refusal, request.ids.request_id)  # type: ignore[attr-defined]
        return view(request, **arguments)

    return checked


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404: there is nothing at this address."""
    return refused(RouteNotFound(), request.ids.request_id)  # type: ignore[attr-defined]


def _page(html: str) -> HttpResponse:
    response = HttpResponse(html, content_type=_HTML)
    response.headers["Content-Security-Policy"] = _POLICY
    return response
