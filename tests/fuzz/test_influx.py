"""Odd writes of InfluxDB's clients: any query, any header, any bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.conftest import REAL_SERVICE, Service
from integration.rest_api.checked_client import CheckedClient

CASES: Final = 1_000 if REAL_SERVICE else 150
ANSWERED: Final = {204, 400, 401, 404, 413}

_words: Final = st.text(st.characters(codec="utf-8"), max_size=12)
_plain: Final = st.from_regex(
    r"[a-z]{1,4}(,device=[a-z]{1,3})? [a-z]{1,3}=[0-9.eiu\"-]{1,6}( [0-9-]{1,20})?", fullmatch=True
)
_bodies: Final = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(_plain, _words), max_size=8).map(lambda lines: "\n".join(lines).encode()),
)
_queries: Final = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.sampled_from(["default", "ns", "us", "ms", "s"]), _words)
        for name in ("bucket", "db", "precision", "org", "orgID", "rp")
    },
)
_headers: Final = st.fixed_dictionaries(
    {},
    optional={
        "content_encoding": st.sampled_from(["gzip", "x-gzip", "identity", "br", "gzip, gzip", ""]),
        "accept": st.sampled_from(["application/json", "text/html", "*/*;q=0", ";"]),
        "content_type": st.sampled_from(
            ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
        ),
        "authorization": st.sampled_from(["Token", "Basic Og==", "Basic \u00e9", "Bearer  ", "Token a b"]),
    },
)


@pytest.fixture(scope="module")
def client(service: Service) -> CheckedClient:
    """A client of a tenant of its own."""
    return service.client()


@pytest.mark.promise("W5")
@pytest.mark.timeout(300)
@settings(
    max_examples=CASES, deadline=None, derandomize=not REAL_SERVICE, suppress_health_check=list(HealthCheck)
)
@given(
    path=st.sampled_from(["/api/v2/write", "/write"]),
    query=_queries,
    body=_bodies,
    headers=_headers,
    zipped=st.booleans(),
)
def test_every_write_is_answered_as_clients_expect(
    client: CheckedClient,
    count: Callable[[str], None],
    path: str,
    query: dict[str, str],
    body: bytes,
    headers: dict[str, str],
    zipped: bool,
) -> None:
    """Never a 5xx, nor a 4xx that some client takes for something else."""
    sent = gzip.compress(body) if zipped else body
    answer = client.call("POST", f"{path}?{urlencode(query)}", sent, **headers)
    assert answer.status in ANSWERED, answer
    if answer.status == 204:
        assert answer.body == b""
    else:
        assert answer.json["code"] == answer.headers["X-Platform-Error-Code"]
        assert isinstance(answer.json.get("line", 1), int)
        assert answer.json["message"]
    count("writes of InfluxDB's clients")
