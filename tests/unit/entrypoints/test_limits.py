"""The one table of limits, and those who share it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from application.ports.read_models import PAGE_MAX
from domain.orders.order import LINES_MAX, NOTE_LENGTH_MAX, QUANTITY_MAX
from entrypoints.http_messages.openapi import openapi_document
from entrypoints.limits import LIMITS, render

PAGE = Path(__file__).resolve().parents[3] / "docs" / "limits.md"


class TestTheTable:
    @pytest.mark.promise("A6")
    def test_is_what_the_docs_say(self) -> None:
        assert PAGE.read_text(encoding="utf-8") == render(), (
            "run: python -m entrypoints.limits > docs/limits.md"
        )

    def test_names_each_limit_once(self) -> None:
        assert len({limit.name for limit in LIMITS}) == len(LIMITS)
        assert all(limit.value > 0 for limit in LIMITS)

    @pytest.mark.promise("A6")
    def test_is_what_the_openapi_document_says(self) -> None:
        document: dict[str, Any] = openapi_document()
        order = document["components"]["schemas"]["PlaceOrder"]["properties"]
        assert order["lines"]["maxItems"] == LINES_MAX
        assert order["note"]["maxLength"] == NOTE_LENGTH_MAX
        line = document["components"]["schemas"]["PlaceOrderLine"]
        assert line["properties"]["quantity"]["maximum"] == QUANTITY_MAX
        assert line["additionalProperties"] is False
        parameters = document["paths"]["/v1/orders"]["get"]["parameters"]
        (limit,) = (one for one in parameters if one.get("name") == "limit")
        assert limit["schema"]["maximum"] == PAGE_MAX
