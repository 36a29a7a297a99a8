"""ReadingDecoder for every form; what reads Arrow and CSV is loaded when the first such body comes."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from adapters.reading_formats import json_columns, json_rows, line_protocol
from adapters.reading_formats.line_protocol import Clock
from application.ports.reading_decoder import Form, MalformedBatch, Precision
from application.ports.readings import Decoded


class BodyDecoder:
    """ReadingDecoder; see the port."""

    def decode(
        self,
        body: bytes,
        form: Form,
        *,
        now_us: int,
        precision: Precision = Precision.NS,
        device: str | None = None,
        metric: str | None = None,
    ) -> Decoded:
        """See the port."""
        match form:
            case Form.JSON:
                return _json(body)
            case Form.NDJSON:
                return json_rows.decode_lines(body)
            case Form.LINE:
                return line_protocol.decode_lines(body, Clock(precision, now_us))
            case Form.CSV | Form.ARROW:
                return _tabular(form).decode(body, device, metric)  # type: ignore[no-any-return]

    def decode_sent(self, sent: str) -> Decoded:
        """See the port."""
        body = sent.encode(errors="replace")
        value, _ = json_rows.whole(body)
        if isinstance(value, dict) and "line" in value:
            clock = _clock_of(value)
            return line_protocol.decode_lines(value["line"].encode(errors="replace"), clock)
        return json_rows.decode_one(body)


def _json(body: bytes) -> Decoded:
    start = body.lstrip(b" \t\r\n")[:1]
    if not start:
        raise MalformedBatch(problem="it is empty; send a list of readings, or columns")
    return json_rows.decode_list(body) if start == b"[" else json_columns.decode_object(body)


def _clock_of(sent: dict[str, object]) -> Clock:
    line, precision, at = sent["line"], sent.get("precision"), sent.get("at")
    known = {each.value: each for each in Precision}
    if (
        not isinstance(line, str)
        or not isinstance(precision, str)
        or precision not in known
        or type(at) is not int
    ):
        raise MalformedBatch(problem="not a line with its precision (ns, us, ms, s) and the time it came at")
    return Clock(known[precision], at)


@functools.cache
def _tabular(form: Form) -> Any:
    """The module for it; pyarrow takes a third of a second to load, so it stays out of commands that don't read any."""
    names = {Form.CSV: "csv_rows", Form.ARROW: "arrow_batches"}
    return importlib.import_module(f"adapters.reading_formats.{names[form]}")
