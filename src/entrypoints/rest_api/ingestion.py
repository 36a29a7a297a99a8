"""Batches of readings over HTTP."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from application.ports.reading_decoder import Form, Precision
from application.telemetry.ingest_readings import IngestReadings
from domain.telemetry.batch import Mode
from domain.telemetry.reading import microseconds
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.bulk_body import bulk_body
from entrypoints.http_messages.ingest_operations import FORMS
from entrypoints.http_messages.request_headers import media_type_of
from entrypoints.rest_api.answers import json_answer
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.intakes import is_for_later, receive_later
from entrypoints.rest_api.wiring import container


def take_in(view: ApiView) -> HttpResponse:
    """Decode the request's body and store what is in it, or have that done later.

    The body's bytes are held until that is done.
    """
    http: HttpRequest = view.request._request
    made = container()
    form = FORMS[media_type_of(http.META.get("CONTENT_TYPE", ""))]
    with bulk_body(http.META, by_line=form in {Form.CSV, Form.LINE}) as body:
        if is_for_later(view, body):
            return receive_later(view, body, form)
        decoded = made.reading_decoder().decode(
            body,
            form,
            now_us=microseconds(made.now()()),
            precision=view.query.get("precision", Precision.NS),
            device=view.query.get("device"),
            metric=view.query.get("metric"),
        )
        context = view.context_for(body)
        command = IngestReadings(decoded=decoded, mode=view.query.get("mode", Mode.STRICT))
        answer = made.ingest_readings().handle(command, context)
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    return json_answer(200, Encoder.encode(answer.result), headers)
