"""How readings are read, and what can be done about those that were not stored."""

from __future__ import annotations

from typing import Final

from application.ports.read_models import PAGE_DEFAULT
from application.ports.reading_views import READINGS_PAGE_MAX, SERIES_PER_QUESTION_MAX, ReadingView
from application.ports.reject_views import RejectView
from domain.access import Scope
from domain.errors import Gone, NotFound
from domain.telemetry.batch import BatchResult
from domain.telemetry.reading import (
    DEVICE_NAME_LENGTH_MAX,
    LABEL_LENGTH_MAX,
    METRIC_LENGTH_MAX,
    RejectReason,
)
from domain.telemetry.rejects import RejectReplayed, RejectUnreadable
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import LIMIT, Operation
from entrypoints.limits import REQUEST_ID_LENGTH_MAX

LABELS: Final = query.by_prefix(
    "label",
    "`label.NAME=VALUE`: only series with this label; as often as wanted.",
    length_max=LABEL_LENGTH_MAX,
)
_WANTED: Final = (
    query.required(query.text("device", "The name of a live device.", length_max=DEVICE_NAME_LENGTH_MAX)),
    query.text("metric", "Only this metric.", length_max=METRIC_LENGTH_MAX),
    LABELS,
)
_LIMIT: Final = query.whole_number(
    "limit", "How many items a page has at most.", minimum=1, maximum=READINGS_PAGE_MAX, default=PAGE_DEFAULT
)
_LABELS_NOTE: Final = "`label.NAME=VALUE`, given as often as wanted, admits only series with these labels."

LIST_READINGS: Final = Operation(
    id="listReadings", method="GET", path="/v1/readings", summary="List the readings of a device, oldest first",
    scope=Scope.READINGS_READ, result=ReadingView, is_list=True, gives_tag=False,
    query=(
        *_WANTED,
        query.instant("from", "Only readings of this time or later."),
        query.instant("to", "Only readings before this time."),
        _LIMIT,
        query.cursor(),
    ),
    own_refusals=(NotFound, Gone),
    note=f"{_LABELS_NOTE} At most {SERIES_PER_QUESTION_MAX:,} series are read together; of several, a page may have "
    "fewer items than `limit` and a next page all the same. Readings that arrive meanwhile show on the pages that are "
    "still to come, if their time lies there.",
)  # fmt: skip
LIST_LATEST_READINGS: Final = Operation(
    id="listLatestReadings", method="GET", path="/v1/readings/latest",
    summary="List the latest reading of each series of a device, by metric",
    scope=Scope.READINGS_READ, result=ReadingView, is_list=True, gives_tag=False,
    query=(*_WANTED, _LIMIT, query.cursor()), own_refusals=(NotFound, Gone), note=_LABELS_NOTE,
)  # fmt: skip
LIST_REJECTS: Final = Operation(
    id="listRejects", method="GET", path="/v1/rejects",
    summary="List readings that were not stored, newest first",
    scope=Scope.READINGS_READ, result=RejectView, is_list=True, gives_tag=False,
    query=(
        query.one_of("reason", "Only those that were refused for this reason.", RejectReason),
        query.text("request_id", "Only those of the request with this id.", length_max=REQUEST_ID_LENGTH_MAX),
        LIMIT,
        query.cursor(),
    ),
)  # fmt: skip
REPLAY_REJECT: Final = Operation(
    id="replayReject", method="POST", path="/v1/rejects/{reject_id}/replay",
    summary="Send a reading again that was not stored",
    scope=Scope.READINGS_WRITE, result=BatchResult, takes_key=True, needs_key=True, gives_tag=False,
    own_refusals=(NotFound, RejectReplayed, RejectUnreadable),
    note="It is taken in as with `mode=partial`, once. If it is refused again, or is a conflict, the answer counts it, "
    "and a new reject is kept under the id of this request.",
)  # fmt: skip

READING_OPERATIONS: Final = (LIST_READINGS, LIST_LATEST_READINGS, LIST_REJECTS, REPLAY_REJECT)
