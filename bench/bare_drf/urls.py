"""All addresses of the bare application."""

from __future__ import annotations

from bare_drf import orders, readings

urlpatterns = [*orders.urlpatterns, *readings.urlpatterns]
