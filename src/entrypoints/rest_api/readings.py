"""Readings over HTTP."""

from __future__ import annotations

import functools
from collections.abc import Callable

from django.http import HttpResponse
from rest_framework.request import Request

from application.ports.read_models import PAGE_DEFAULT, Page
from application.ports.reading_views import ReadingView, SeriesFilter, TimeRange
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.ingest_operations import INGEST_READINGS
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.reading_operations import LIST_LATEST_READINGS, LIST_READINGS
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.ingestion import take_in
from entrypoints.rest_api.wiring import container


class Readings(ApiView):
    """/v1/readings"""

    operations = by_method(LIST_READINGS, INGEST_READINGS)

    def get(self, request: Request) -> HttpResponse:
        """A page of readings."""
        within = TimeRange(begins=self.query.get("from"), ends=self.query.get("to"))
        return _page(self, functools.partial(container().reading_views().list, within=within))

    def post(self, request: Request) -> HttpResponse:
        """Take in a batch."""
        return take_in(self)


class LatestReadings(ApiView):
    """/v1/readings/latest"""

    operations = by_method(LIST_LATEST_READINGS)

    def get(self, request: Request) -> HttpResponse:
        """A page of latest readings."""
        return _page(self, container().reading_views().latest)


def _page(view: ApiView, ask: Callable[..., Page[ReadingView]]) -> HttpResponse:
    asked = view.query
    wanted = SeriesFilter(
        device=asked["device"],
        metric=asked.get("metric"),
        labels=tuple(sorted(asked.get("label", {}).items())),
    )
    page = ask(
        view.context.tenant_id,
        wanted,
        after=asked.get("cursor"),
        limit=asked.get("limit", PAGE_DEFAULT),
    )
    return view.listed(page.items, {"cursor": to_cursor(page.next)} if page.next else None)
