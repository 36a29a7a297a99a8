"""Sagas over HTTP: how orders are fulfilled, and what operators do where that got stuck."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from application.ports.read_models import PAGE_DEFAULT, PageKey
from application.ports.saga_views import SagaFilter
from application.run_once import Answer
from application.sagas.repair_saga import CompensateSaga, RetrySagaStep, SkipSagaStep
from domain.saga.saga import Saga
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.saga_answer import saga_answer, saga_journal_answer
from entrypoints.http_messages.saga_operations import (
    COMPENSATE_SAGA,
    LIST_LATE_REPLIES,
    LIST_SAGAS,
    READ_ORDER_SAGA,
    READ_SAGA,
    RETRY_SAGA_STEP,
    SKIP_SAGA_STEP,
)
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.orders import known_order_id
from entrypoints.rest_api.wiring import container


class OrderSaga(ApiView):
    """/v1/orders/{order_id}/saga"""

    operations = by_method(READ_ORDER_SAGA)

    def get(self, request: Request, order_id: str) -> HttpResponse:
        """The order's saga."""
        found = container().saga_views().of_subject(self.context.tenant_id, known_order_id(order_id))
        return self.shown(saga_journal_answer(found))


class Sagas(ApiView):
    """/v1/ops/sagas"""

    operations = by_method(LIST_SAGAS)

    def get(self, request: Request) -> HttpResponse:
        """A page of sagas."""
        after, limit = self.query.pop("cursor", None), self.query.pop("limit", PAGE_DEFAULT)
        # One more than the page holds tells whether there is a next one.
        found = (
            container()
            .saga_views()
            .list(
                self.context.tenant_id,
                SagaFilter(**self.query),
                after=after and after.id,
                limit=limit + 1,
            )
        )
        page = tuple(map(saga_answer, found[:limit]))
        key = PageKey(page[-1].created_at, page[-1].id) if len(found) > limit else None
        return self.listed(page, {"cursor": to_cursor(key)} if key else None)


class OneSaga(ApiView):
    """/v1/ops/sagas/{saga_id}"""

    operations = by_method(READ_SAGA)

    def get(self, request: Request, saga_id: str) -> HttpResponse:
        """The saga with its journal."""
        found = container().saga_views().of_id(self.context.tenant_id, known_id(Saga.kind, saga_id))
        return self.shown(saga_journal_answer(found))


class SagaStepRetry(ApiView):
    """/v1/ops/sagas/{saga_id}/retry"""

    operations = by_method(RETRY_SAGA_STEP)

    def post(self, request: Request, saga_id: str) -> HttpResponse:
        """Let a parked step be tried again."""
        command = RetrySagaStep(
            saga_id=known_id(Saga.kind, saga_id),
            expected_version=self.expected_version,
            operator=self.context.actor,
            **self.fields,
        )
        return _repaired(self, command)


class SagaStepSkip(ApiView):
    """/v1/ops/sagas/{saga_id}/skip"""

    operations = by_method(SKIP_SAGA_STEP)

    def post(self, request: Request, saga_id: str) -> HttpResponse:
        """Take a parked step as done, or as undone."""
        command = SkipSagaStep(
            saga_id=known_id(Saga.kind, saga_id),
            expected_version=self.expected_version,
            operator=self.context.actor,
            **self.fields,
        )
        return _repaired(self, command)


class SagaCompensation(ApiView):
    """/v1/ops/sagas/{saga_id}/compensate"""

    operations = by_method(COMPENSATE_SAGA)

    def post(self, request: Request, saga_id: str) -> HttpResponse:
        """Undo what was done."""
        command = CompensateSaga(
            saga_id=known_id(Saga.kind, saga_id), expected_version=self.expected_version, **self.fields
        )
        return _repaired(self, command)


class LateReplies(ApiView):
    """/v1/ops/late-replies"""

    operations = by_method(LIST_LATE_REPLIES)

    def get(self, request: Request) -> HttpResponse:
        """A page of replies that changed nothing."""
        after, limit = self.query.get("cursor"), self.query.get("limit", PAGE_DEFAULT)
        found = (
            container()
            .late_replies()
            .list(
                self.context.tenant_id,
                saga_id=self.query.get("saga_id"),
                after=after and after.id,
                limit=limit + 1,
            )
        )
        page = tuple(found[:limit])
        key = PageKey(page[-1].received_at, page[-1].id) if len(found) > limit else None
        return self.listed(page, {"cursor": to_cursor(key)} if key else None)


def _repaired(view: ApiView, command: RetrySagaStep | SkipSagaStep | CompensateSaga) -> HttpResponse:
    answer = container().repair_saga().handle(command, view.context)
    return view.answer(Answer(saga_answer(answer.result), replayed=answer.replayed))
