"""Batches of readings that are loaded later, over HTTP."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from application.ports.reading_decoder import Form, Precision
from application.telemetry.receive_readings import ReceiveReadings
from domain.telemetry.batch import Mode
from domain.telemetry.intake import Intake, SentBatch
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.intake_operations import READ_INTAKE
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.request_headers import RESPOND_ASYNC, parse_prefer
from entrypoints.limits import INTAKE_ASK_AGAIN_S, LOADED_AT_ONCE_BYTES_MAX
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.answers import json_answer
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container


class OneIntake(ApiView):
    """/v1/readings/intakes/{intake_id}"""

    operations = by_method(READ_INTAKE)

    def get(self, request: Request, intake_id: str) -> HttpResponse:
        """The intake as it stands."""
        found_id = known_id(Intake.kind, intake_id)
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.intake(found_id))


def is_for_later(view: ApiView, body: bytes) -> bool:
    """Whether the batch is taken in as it is: the caller prefers that (RFC 7240), or it is too large to wait for."""
    return _prefers_async(view) or len(body) > LOADED_AT_ONCE_BYTES_MAX


def receive_later(view: ApiView, body: bytes, form: Form) -> HttpResponse:
    """Keep the batch as it was sent, and answer where its result will be (202)."""
    asked = view.query
    batch = SentBatch(
        form=form.value,
        precision=asked.get("precision", Precision.NS).value,
        device=asked.get("device"),
        metric=asked.get("metric"),
        mode=asked.get("mode", Mode.STRICT),
    )
    # A key names one request with one kind of answer: with this preference it is another request than without.
    context = view.context_for(RESPOND_ASYNC.encode() + hashlib.sha256(body).digest())
    answer = container().receive_readings().handle(ReceiveReadings.of(batch, body), context)
    headers = {"Location": f"/v1/readings/intakes/{answer.result.id}", "Retry-After": str(INTAKE_ASK_AGAIN_S)}
    if _prefers_async(view):
        headers["Preference-Applied"] = RESPOND_ASYNC
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(202, Encoder.encode(answer.result), headers)


def _prefers_async(view: ApiView) -> bool:
    http: HttpRequest = view.request._request
    return parse_prefer(http.META.get("HTTP_PREFER", "")).get(RESPOND_ASYNC) == ""
