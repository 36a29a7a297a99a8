"""What InfluxDB's clients send beside their lines: credentials, and the query of a write.

Versions 1 and 2 of the API differ in names alone: https://docs.influxdata.com/influxdb/v2/api/v2/
"""

from __future__ import annotations

import base64
import re
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from application.ports.reading_decoder import Precision
from domain.access import NotAuthenticated
from domain.errors import InvalidInput, NotFound
from entrypoints.http_messages.request_errors import QueriesNotOffered
from entrypoints.limits import QUERY_LENGTH_MAX, QUERY_PARAMETERS_MAX

BUCKET: Final = "default"
"""The one bucket that every tenant has."""
BUCKET_SHOWN_MAX: Final = 100
STATEMENT_LENGTH_MAX: Final = 4_096
"""Bytes of a form with a statement."""

_SCHEME: Final = re.compile(r"(token|bearer|basic) +([!-~]+) *", re.IGNORECASE)
_CREATE: Final = re.compile(
    r"""\s*create\s+database\s+(?:"((?:[^"\\]|\\.)*)"|(\S+?))(?:\s+with\s.*)?\s*;?\s*""",
    re.IGNORECASE | re.DOTALL,
)


class Dialect(StrEnum):
    """Which API a client speaks."""

    V1 = "v1"
    V2 = "v2"


class BucketNotFound(NotFound):
    """There is no bucket {bucket!r}; write to the bucket 'default', which every tenant has."""

    def __init__(self, *, bucket: str) -> None:
        super().__init__(kind="bucket", bucket=bucket[:BUCKET_SHOWN_MAX])


class NoPoints(InvalidInput):
    """writing requires points"""

    def __init__(self) -> None:
        super().__init__(field="body", problem="writing requires points")


class WriteQuery(NamedTuple):
    """Where lines go, and how they tell the time."""

    bucket: str
    precision: Precision


_BUCKET_NAMES: Final = MappingProxyType({Dialect.V1: "db", Dialect.V2: "bucket"})
_PRECISIONS: Final = MappingProxyType(
    {
        Dialect.V1: {
            "n": Precision.NS, "ns": Precision.NS, "u": Precision.US, "us": Precision.US, "µ": Precision.US,
            "ms": Precision.MS, "s": Precision.S,
        },
        Dialect.V2: {precision.value: precision for precision in Precision},
    }
)  # fmt: skip


def secret_of(authorization: str) -> str:
    """The token in an `Authorization` header. Raises NotAuthenticated.

    `Token` and `Bearer` name it as it is. `Basic` has it as the password of any user, or, as `auth_basic` of
    influxdb-client sends it, in the place of both.
    """
    found = _SCHEME.fullmatch(authorization)
    if found is None:
        raise NotAuthenticated()
    scheme, credentials = found.groups()
    if scheme.lower() != "basic":
        return credentials
    try:
        plain = base64.b64decode(credentials, validate=True).decode()
    except ValueError:  # neither base64 nor UTF-8
        raise NotAuthenticated() from None
    user, colon, password = plain.partition(":")
    return password if colon else user


def parameters_of(query: str) -> dict[str, str]:
    """Each parameter's first value; unknown ones are the client's own business. Raises InvalidInput."""
    if len(query) > QUERY_LENGTH_MAX:
        raise InvalidInput(field="query", problem=f"must have at most {QUERY_LENGTH_MAX} characters")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_PARAMETERS_MAX)
    except ValueError:
        problem = f"must have at most {QUERY_PARAMETERS_MAX} parameters"
        raise InvalidInput(field="query", problem=problem) from None
    return dict(reversed(pairs))


def write_query(query: str, dialect: Dialect, tenant_id: UUID) -> WriteQuery:
    """In InfluxDB's order: precision, then the bucket by name or id; the organisation is ignored.

    Raises InvalidInput, BucketNotFound.
    """
    given, known = parameters_of(query), _PRECISIONS[dialect]
    precision = known.get(given.get("precision") or "ns")
    if precision is None:
        raise InvalidInput(field="precision", problem=f"must be one of {', '.join(known)}")
    bucket = given.get(_BUCKET_NAMES[dialect], "")
    if bucket not in {BUCKET, bucket_id(tenant_id)}:
        raise BucketNotFound(bucket=bucket)
    return WriteQuery(bucket, precision)


def created_database(statement: str) -> str:
    """The name in `CREATE DATABASE "name"`. Raises QueriesNotOffered for any other statement."""
    found = _CREATE.fullmatch(statement)
    if found is None:
        raise QueriesNotOffered()
    quoted, plain = found.groups()
    return plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def organisation_id(tenant_id: UUID) -> str:
    """As InfluxDB writes ids: 16 hexadecimal digits; here the random half of the tenant's."""
    return tenant_id.hex[16:]


def bucket_id(tenant_id: UUID) -> str:
    """Of the tenant's one bucket; differs from the organisation's in the first digit, as clients mix them up."""
    digits = organisation_id(tenant_id)
    return f"{(int(digits[0], 16) + 8) % 16:x}{digits[1:]}"
