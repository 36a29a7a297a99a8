"""Every limit that a caller can meet, in one table: code, OpenAPI document and docs/limits.md take it from here.

Limits of the domain stand in the domain and are listed here, not copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from application.ports.notifier import RETRY_AFTER_MAX_S
from application.ports.outbox import CONSUMER_LENGTH_MAX, ERROR_LENGTH_MAX
from application.ports.payment_gateway import KEY_LENGTH_MAX as GATEWAY_KEY_LENGTH_MAX
from application.ports.read_models import PAGE_DEFAULT, PAGE_MAX
from application.ports.reading_views import READINGS_PAGE_MAX, SERIES_LOOKED_AT_MAX, SERIES_PER_QUESTION_MAX
from application.telemetry.drop_partitions import PARTITIONS_PER_RUN
from application.telemetry.drop_partitions import TRIES_MAX as DROP_TRIES_MAX
from domain.access import (
    OWNER_LENGTH_MAX,
    SECRET_LENGTH_MAX,
    TENANT_NAME_LENGTH_MAX,
    TOKEN_LIFETIME_DEFAULT,
    TOKEN_LIFETIME_MAX,
)
from domain.idempotency import KEY_KEPT_FOR, KEY_LENGTH_MAX, RETRY_AFTER_S
from domain.inventory.product import NAME_LENGTH_MAX, SKU_LENGTH_MAX
from domain.inventory.stock_item import MOVE_QUANTITY_MAX, ON_HAND_MAX
from domain.inventory.stock_item import REASON_LENGTH_MAX as ADJUST_REASON_LENGTH_MAX
from domain.money import AMOUNT_MINOR_MAX
from domain.orders.order import (
    ADDRESS_LENGTH_MAX,
    CANCEL_REASON_LENGTH_MAX,
    CUSTOMER_REF_LENGTH_MAX,
    EMAIL_LENGTH_MAX,
    LINES_MAX,
    NOTE_LENGTH_MAX,
    PAYMENT_METHOD_LENGTH_MAX,
    QUANTITY_MAX,
    REFERENCE_LENGTH_MAX,
    RETURN_REASON_LENGTH_MAX,
)
from domain.retention import REASON_LENGTH_MAX as DELETION_REASON_LENGTH_MAX
from domain.telemetry.batch import REJECTS_MAX
from domain.telemetry.device import DESCRIPTION_LENGTH_MAX, DEVICES_PER_TENANT_MAX
from domain.telemetry.intake import COME_AGAIN_AFTER_S, INTAKE_BYTES_WAITING_MAX, INTAKES_WAITING_MAX
from domain.telemetry.partitions import MONTHS_AHEAD, PARTITIONS_NEW_MAX
from domain.telemetry.reading import (
    DEVICE_NAME_LENGTH_MAX,
    READINGS_MAX,
    SERIES_NEW_PER_BATCH_MAX,
    SERIES_PER_TENANT_MAX,
)
from domain.telemetry.retention import GRACE
from entrypoints.settings import (
    RATE_LIMIT_TENANT_DEFAULT,
    RATE_LIMIT_TOKEN_DEFAULT,
    RATE_WINDOW_S_DEFAULT,
    RATE_WINDOW_S_MAX,
    RAW_RETENTION_DAYS_MAX,
    WEB_THREADS_MAX,
    WEB_WORKERS_MAX,
)

MIB: Final = 1024 * 1024

BODY_BYTES_MAX: Final = 1 * MIB
CALLBACK_BYTES_MAX: Final = 16 * 1024
BULK_BODY_BYTES_MAX: Final = 16 * MIB
BULK_BYTES_IN_FLIGHT_MAX: Final = 64 * MIB
LOADED_AT_ONCE_BYTES_MAX: Final = 4 * MIB
INTAKE_ASK_AGAIN_S: Final = 1
DISCARD_BYTES_MAX: Final = 64 * MIB
READ_CHUNK_BYTES: Final = 64 * 1024
QUERY_LENGTH_MAX: Final = 4_096
QUERY_PARAMETERS_MAX: Final = 20
CURSOR_LENGTH: Final = 32
REQUEST_ID_LENGTH_MAX: Final = 128
TRACEPARENT_LENGTH_MAX: Final = 512
IF_MATCH_LENGTH_MAX: Final = 4_096
IF_MATCH_TAGS_MAX: Final = 50
VERSION_MAX: Final = 2**31 - 1
RETRY_AFTER_UNAVAILABLE_S: Final = 1
DRAIN_NOTICE_S: Final = 1
SHUTDOWN_S: Final = 20
CONNECTIONS_WAITING_MAX: Final = 1_024
PARENT_CHECK_INTERVAL_S: Final = 1
HEADERS_READ_TIMEOUT_S: Final = 30
REDIS_STEP_TIMEOUT_MS: Final = 100
REDIS_STEPS_MAX: Final = 5
REDIS_ASK_AGAIN_AFTER_S: Final = 1
METRICS_READS_MAX: Final = 3
LAG_KEPT_S: Final = 5
LAG_TIME_LIMIT_S: Final = 2
LAG_WAIT_S: Final = 10
WEBHOOK_TIMEOUT_S: Final = 20
MAIL_TIMEOUT_S: Final = 30
GATEWAY_TIMEOUT_S: Final = 4
GATEWAY_SETTLE_S: Final = 15


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the table."""

    name: str
    value: int
    unit: str
    purpose: str


LIMITS: Final = (
    Limit("body", BODY_BYTES_MAX, "bytes", "a request's JSON body; more is answered 413"),
    Limit("readings' body", BULK_BODY_BYTES_MAX, "bytes", "unpacked, of one batch; more is answered 413"),
    Limit(
        "readings' bodies at once",
        BULK_BYTES_IN_FLIGHT_MAX,
        "bytes",
        "that a web process holds; more is answered 503",
    ),
    Limit(
        "readings' body at once",
        LOADED_AT_ONCE_BYTES_MAX,
        "bytes",
        "unpacked, of a batch that is loaded while its sender waits; a larger one is answered 202",
    ),
    Limit(
        "waiting batches", INTAKES_WAITING_MAX, "batches", "of a tenant, to be loaded; more is answered 503"
    ),
    Limit(
        "waiting batches' bytes",
        INTAKE_BYTES_WAITING_MAX,
        "bytes",
        "of a tenant's batches that wait to be loaded, as sent; more is answered 503",
    ),
    Limit("wait for room", COME_AGAIN_AFTER_S, "seconds", "Retry-After while too many batches wait"),
    Limit("wait for a batch", INTAKE_ASK_AGAIN_S, "seconds", "Retry-After of a batch that is not loaded yet"),
    Limit("bad readings", REJECTS_MAX, "readings", "that are kept of one batch; more refuse it"),
    Limit("readings", READINGS_MAX, "readings", "of one batch; more is answered 413"),
    Limit("discarded body", DISCARD_BYTES_MAX, "bytes", "read and thrown away so that the refusal arrives"),
    Limit("query string", QUERY_LENGTH_MAX, "characters", "everything after the question mark"),
    Limit("query parameters", QUERY_PARAMETERS_MAX, "parameters", "in one request"),
    Limit("page, unless told", PAGE_DEFAULT, "items", "`limit` of a list"),
    Limit("page", PAGE_MAX, "items", "largest `limit` of a list"),
    Limit("page of readings", READINGS_PAGE_MAX, "items", "largest `limit` of readings"),
    Limit("series of a question", SERIES_PER_QUESTION_MAX, "series", "whose readings are read together"),
    Limit(
        "search for labels",
        SERIES_LOOKED_AT_MAX,
        "series",
        "of a device and metric, to look through",
    ),
    Limit("cursor", CURSOR_LENGTH, "characters", "`cursor` of a list, exactly"),
    Limit("version", VERSION_MAX, "events", "largest `at_version` and `after_version`"),
    Limit(
        "token", SECRET_LENGTH_MAX, "characters", "bearer token; longer ones are refused without a look-up"
    ),
    Limit("token lifetime, unless told", TOKEN_LIFETIME_DEFAULT.days, "days", "from its creation"),
    Limit("token lifetime", TOKEN_LIFETIME_MAX.days, "days", "longest that can be asked for"),
    Limit("token owner", OWNER_LENGTH_MAX, "characters", "who uses the token"),
    Limit("tenant name", TENANT_NAME_LENGTH_MAX, "characters", "name of a tenant"),
    Limit("Idempotency-Key", KEY_LENGTH_MAX, "characters", "visible ASCII, without quotes and escapes"),
    Limit(
        "key kept for", int(KEY_KEPT_FOR.total_seconds()), "seconds", "afterwards the key is a new request"
    ),
    Limit("If-Match", IF_MATCH_LENGTH_MAX, "characters", "the header's length"),
    Limit("entity tags", IF_MATCH_TAGS_MAX, "tags", "in one If-Match"),
    Limit("X-Request-Id", REQUEST_ID_LENGTH_MAX, "characters", "visible ASCII; any other value is replaced"),
    Limit("traceparent", TRACEPARENT_LENGTH_MAX, "characters", "longer ones start a new trace"),
    Limit("SKU", SKU_LENGTH_MAX, "characters", "letters, digits, dots, dashes, underscores"),
    Limit("product name", NAME_LENGTH_MAX, "characters", "`name` of a product"),
    Limit("stock movement", MOVE_QUANTITY_MAX, "pieces", "one receipt, or one adjustment either way"),
    Limit("stock", ON_HAND_MAX, "pieces", "of one product, on hand, reserved and sold together"),
    Limit("adjustment reason", ADJUST_REASON_LENGTH_MAX, "characters", "`reason` of an adjustment"),
    Limit("order lines", LINES_MAX, "lines", "of one order, and of one return"),
    Limit("line quantity", QUANTITY_MAX, "pieces", "`quantity` of one line"),
    Limit("amount", AMOUNT_MINOR_MAX, "minor units", "one price, and the total of an order"),
    Limit("customer_ref", CUSTOMER_REF_LENGTH_MAX, "characters", "the caller's name for a customer"),
    Limit("reference", REFERENCE_LENGTH_MAX, "characters", "the caller's own number of an order"),
    Limit("payment_method", PAYMENT_METHOD_LENGTH_MAX, "characters", "the payment provider's token"),
    Limit("email", EMAIL_LENGTH_MAX, "characters", "of an order"),
    Limit("note", NOTE_LENGTH_MAX, "characters", "of an order"),
    Limit("address", ADDRESS_LENGTH_MAX, "characters", "of an order"),
    Limit("cancel reason", CANCEL_REASON_LENGTH_MAX, "characters", "`reason` of a cancellation"),
    Limit("return reason", RETURN_REASON_LENGTH_MAX, "characters", "`reason` of a return"),
    Limit("device name", DEVICE_NAME_LENGTH_MAX, "characters", "`name` of a device"),
    Limit("device description", DESCRIPTION_LENGTH_MAX, "characters", "`description` of a device"),
    Limit("devices", DEVICES_PER_TENANT_MAX, "devices", "of a tenant; beyond them none registers itself"),
    Limit("series", SERIES_PER_TENANT_MAX, "series", "of a tenant, those of deleted devices included"),
    Limit("new series", SERIES_NEW_PER_BATCH_MAX, "series", "that come new with one batch of readings"),
    Limit("consumer", CONSUMER_LENGTH_MAX, "characters", "`consumer` of dead letters"),
    Limit("error of a dead letter", ERROR_LENGTH_MAX, "characters", "what is kept of its last try's"),
    Limit("deletion reason", DELETION_REASON_LENGTH_MAX, "characters", "`reason` of a deletion"),
    Limit(
        "wait for a twin", RETRY_AFTER_S, "seconds", "Retry-After while a request with that key still runs"
    ),
    Limit("wait for the store", RETRY_AFTER_UNAVAILABLE_S, "seconds", "Retry-After of a 503"),
    Limit(
        "requests of a token's owner, unless told",
        RATE_LIMIT_TOKEN_DEFAULT,
        "requests",
        "in one window; HOLDWATER_RATE_LIMIT_TOKEN",
    ),
    Limit(
        "requests of a tenant, unless told",
        RATE_LIMIT_TENANT_DEFAULT,
        "requests",
        "in one window; HOLDWATER_RATE_LIMIT_TENANT",
    ),
    Limit("rate window, unless told", RATE_WINDOW_S_DEFAULT, "seconds", "HOLDWATER_RATE_WINDOW_S"),
    Limit("rate window", RATE_WINDOW_S_MAX, "seconds", "longest that can be set"),
    Limit("step of asking Redis", REDIS_STEP_TIMEOUT_MS, "milliseconds", "before a process counts by itself"),
    Limit("steps of asking Redis", REDIS_STEPS_MAX, "steps", "that one request waits for at most"),
    Limit("pause of asking Redis", REDIS_ASK_AGAIN_AFTER_S, "seconds", "between tries while it is away"),
    Limit("new partitions", PARTITIONS_NEW_MAX, "months", "that one request may open"),
    Limit("months ahead", MONTHS_AHEAD, "months", "after the present one that may have partitions"),
    Limit("dropped partitions", PARTITIONS_PER_RUN, "partitions", "of one run"),
    Limit("tries to drop a partition", DROP_TRIES_MAX, "tries", "of half a second for each lock"),
    Limit(
        "grace of a partition",
        int(GRACE.total_seconds()),
        "seconds",
        "until it goes, after its last reading has run out",
    ),
    Limit("raw retention", RAW_RETENTION_DAYS_MAX, "days", "longest HOLDWATER_RAW_RETENTION_DAYS"),
    Limit(
        "webhook", WEBHOOK_TIMEOUT_S, "seconds", "for a receiver to take one, from the look-up of its name on"
    ),
    Limit(
        "e-mail", MAIL_TIMEOUT_S, "seconds", "for a mail server to take one, from the look-up of its name on"
    ),
    Limit("payment call", GATEWAY_TIMEOUT_S, "seconds", "for the payment gateway to answer one"),
    Limit("payment settling", GATEWAY_SETTLE_S, "seconds", "afterwards no call can have an effect any more"),
    Limit("payment key", GATEWAY_KEY_LENGTH_MAX, "characters", "of a call to the payment gateway"),
    Limit("payment callback", CALLBACK_BYTES_MAX, "bytes", "body of one; more is answered 413"),
    Limit("pause of a receiver", RETRY_AFTER_MAX_S, "seconds", "longest Retry-After that is kept to"),
    Limit("lag of /metrics", LAG_KEPT_S, "seconds", "that a web process shows before it asks again"),
    Limit(
        "question for the lag",
        LAG_TIME_LIMIT_S,
        "seconds",
        "for PostgreSQL to answer it; otherwise not known",
    ),
    Limit("wait for the lag", LAG_WAIT_S, "seconds", "for another thread's question; otherwise not known"),
    Limit("web workers", WEB_WORKERS_MAX, "processes", "HOLDWATER_WEB_WORKERS"),
    Limit("web threads", WEB_THREADS_MAX, "threads", "HOLDWATER_WEB_THREADS, of each worker"),
    Limit(
        "waiting connections", CONNECTIONS_WAITING_MAX, "connections", "not yet accepted by the web server"
    ),
    Limit("drain notice", DRAIN_NOTICE_S, "seconds", "between /readyz saying so and the end of accepting"),
    Limit("shutdown", SHUTDOWN_S, "seconds", "for accepted requests to finish after SIGTERM"),
    Limit(
        "request headers", HEADERS_READ_TIMEOUT_S, "seconds", "for them to arrive, and between two requests"
    ),
    Limit(
        "orphan check", PARENT_CHECK_INTERVAL_S, "seconds", "until a web worker notices its parent's death"
    ),
)

_HEADER = """\
# Limits

Made from `src/entrypoints/limits.py` by `python -m entrypoints.limits > docs/limits.md`; not edited by hand.
The OpenAPI document states the same figures where its language can.

| limit | value | unit | what for |
|---|---:|---|---|
"""


def render() -> str:
    """docs/limits.md."""
    rows = (f"| {limit.name} | {limit.value:,} | {limit.unit} | {limit.purpose} |\n" for limit in LIMITS)
    return _HEADER + "".join(rows)


if __name__ == "__main__":
    print(render(), end="")
