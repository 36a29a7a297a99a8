"""Django's root of addresses."""

from __future__ import annotations

from entrypoints.rest_api.urls import urlpatterns as urlpatterns

handler400 = "entrypoints.rest_api.urls.bad_request"
handler404 = "entrypoints.rest_api.operators.not_found"
handler500 = "entrypoints.rest_api.urls.server_error"
