"""Log lines for machines and for people."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from entrypoints import logs


@pytest.fixture
def record() -> logging.LogRecord:
    """An entry with fields of its own."""
    entry = logging.LogRecord("holdwater.access", logging.INFO, __file__, 1, "request %s", ("done",), None)
    entry.fields = {"status": 200, "route": "v1/orders"}
    return entry


@pytest.fixture
def in_request() -> Iterator[None]:
    """A request is being answered."""
    token = logs.request_fields.set({"request_id": "r-1", "traceparent": "00-a-b-01"})
    yield
    logs.request_fields.reset(token)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


class TestALine:
    @pytest.mark.promise("A6")
    def test_of_json_has_the_ids_of_its_request(self, record: logging.LogRecord, in_request: None) -> None:
        entry = json.loads(logs.JsonLines().format(record))
        assert entry["message"] == "request done"
        assert (entry["request_id"], entry["traceparent"]) == ("r-1", "00-a-b-01")
        assert (entry["status"], entry["route"], entry["level"]) == (200, "v1/orders", "INFO")

    @pytest.mark.promise("A6")
    def test_of_text_has_them_too(self, record: logging.LogRecord, in_request: None) -> None:
        line = logs.TextLines().format(record)
        assert line.endswith("INFO    request done request_id=r-1 status=200 route=v1/orders")

    def test_stays_one_line_whatever_it_says(self, record: logging.LogRecord) -> None:
        record.msg, record.args = "two\nlines", None
        try:
            raise ValueError("broken\nin two")
        except ValueError:
            record.exc_info = sys.exc_info()
        line = logs.JsonLines().format(record)
        assert "\n" not in line
        assert "ValueError: broken" in json.loads(line)["exception"]
        assert logs.TextLines().format(record).count("\n") > 2


class TestTheSetUp:
    @pytest.mark.parametrize(
        ("log_format", "is_terminal", "expected"),
        [
            ("auto", True, logs.TextLines),
            ("auto", False, logs.JsonLines),
            ("json", True, logs.JsonLines),
            ("text", False, logs.TextLines),
        ],
    )
    def test_suits_the_reader(
        self, root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, log_format, is_terminal, expected
    ) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(log_format, "INFO")
        (handler,) = root_logger.handlers
        assert isinstance(handler.formatter, expected)
        logging.getLogger("holdwater.any").info("hello")
        assert "hello" in stream.getvalue()
