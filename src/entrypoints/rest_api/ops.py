"""What the operators of one tenant ask over HTTP: how far its messages are, and which nobody could deliver."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from application.ports.outbox import DeadLetter
from application.ports.read_models import PAGE_DEFAULT, PageKey
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.ops_operations import LIST_DEAD_LETTERS, READ_LAG, REPLAY_DEAD_LETTER
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.answers import empty_answer
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container


class Lag(ApiView):
    """/v1/ops/lag"""

    operations = by_method(READ_LAG)

    def get(self, request: Request) -> HttpResponse:
        """The lag of every consumer; there are few, so they make one page."""
        with container().read_models(self.context.tenant_id) as views:
            return self.listed(views.message_lag(), None)


class DeadLetters(ApiView):
    """/v1/ops/dead-letters"""

    operations = by_method(LIST_DEAD_LETTERS)

    def get(self, request: Request) -> HttpResponse:
        """A page of dead letters."""
        after, limit = self.query.get("cursor"), self.query.get("limit", PAGE_DEFAULT)
        # One more than the page holds tells whether there is a next one.
        found = (
            container()
            .dead_letters()
            .list(
                self.context.tenant_id,
                consumer=self.query.get("consumer"),
                after=after and after.id,
                limit=limit + 1,
            )
        )
        letters = tuple(found[:limit])
        return self.listed(letters, {"cursor": _cursor(letters[-1])} if len(found) > limit else None)


class DeadLetterReplay(ApiView):
    """/v1/ops/dead-letters/{message_id}/replay"""

    operations = by_method(REPLAY_DEAD_LETTER)

    def post(self, request: Request, message_id: str) -> HttpResponse:
        """Let it be tried again."""
        container().dead_letters().replay(self.context.tenant_id, known_id(DeadLetter.kind, message_id))
        return empty_answer(self.operation.status, {})


def _cursor(letter: DeadLetter) -> str:
    return to_cursor(PageKey(letter.created_at, letter.id))
