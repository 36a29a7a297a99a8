"""Readings that were not stored, over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from application.ports.read_models import PAGE_DEFAULT
from application.ports.reject_views import RejectFilter, RejectView
from application.telemetry.replay_reject import ReplayReject
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.reading_operations import LIST_REJECTS, REPLAY_REJECT
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.answers import json_answer
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container


class Rejects(ApiView):
    """/v1/rejects"""

    operations = by_method(LIST_REJECTS)

    def get(self, request: Request) -> HttpResponse:
        """A page of rejects."""
        after, limit = self.query.pop("cursor", None), self.query.pop("limit", PAGE_DEFAULT)
        views = container().reject_views()
        page = views.list(self.context.tenant_id, RejectFilter(**self.query), after=after, limit=limit)
        return self.listed(page.items, page.next and {"cursor": to_cursor(page.next)})


class RejectReplay(ApiView):
    """/v1/rejects/{reject_id}/replay"""

    operations = by_method(REPLAY_REJECT)

    def post(self, request: Request, reject_id: str) -> HttpResponse:
        """Send it again; answers what became of it."""
        command = ReplayReject(reject_id=known_id(RejectView.kind, reject_id))
        answer = container().replay_reject().handle(command, self.context)
        headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
        return json_answer(self.operation.status, Encoder.encode(answer.result), headers)
