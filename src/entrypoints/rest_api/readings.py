"""Readings over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from entrypoints.http_messages.ingest_operations import INGEST_READINGS
from entrypoints.http_messages.operation import by_method
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.ingestion import take_in


class Readings(ApiView):
    """/v1/readings"""

    operations = by_method(INGEST_READINGS)

    def post(self, request: Request) -> HttpResponse:
        """Take in a batch."""
        return take_in(self)
