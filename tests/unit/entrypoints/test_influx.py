"""What InfluxDB's clients are told, and what of theirs is understood."""

from __future__ import annotations

from string import Formatter

import msgspec
import pytest

from domain.errors import DomainError, InvalidInput
from entrypoints.error_table import verdict_of
from entrypoints.http_messages.influx import RETRY_AFTER_S_MAX, render_refusal
from entrypoints.http_messages.influx_request import Dialect, created_database, parameters_of
from entrypoints.http_messages.request_errors import QueriesNotOffered

DROPPED = {Dialect.V2: {400, 404, 405}, Dialect.V1: {400, 401, 403, 404, 405, 413}}
"""What makes Telegraf drop a batch, of what is given here; 413 is split in version 2."""
KEPT = {Dialect.V2: {401, 403, 413, 429, 500, 501, 503}, Dialect.V1: {500, 501, 503}}


def each_refusal() -> list[DomainError]:
    """One of every kind that there is, with 1 for each of its words."""
    refusals = []
    for kind in DomainError.known().values():
        refusal = kind.__new__(kind)
        names = [name for _, name, _, _ in Formatter().parse(kind.__doc__ or "") if name]
        DomainError.__init__(refusal, **dict.fromkeys((*names, "allowed", "bucket"), 1))
        refusals.append(refusal)
    return refusals


class TestARefusal:
    @pytest.mark.promise("W5")
    @pytest.mark.parametrize("dialect", Dialect)
    def test_of_any_kind_that_may_pass_leaves_the_batch_with_the_client(self, dialect: Dialect) -> None:
        refusals = each_refusal()
        assert len(refusals) > 50
        for refusal in refusals:
            answer, verdict = render_refusal(refusal, dialect), verdict_of(type(refusal))
            assert answer.status in DROPPED[dialect] | KEPT[dialect], refusal
            if verdict.retryable or verdict.status >= 500:
                assert answer.status in KEPT[dialect], refusal
            if answer.status in {429, 503}:
                assert 1 <= int(answer.headers["Retry-After"]) <= RETRY_AFTER_S_MAX
            body = msgspec.json.decode(answer.body or b"")
            assert body["code"] == answer.headers["X-Platform-Error-Code"]
            assert body["message"]
            assert ("error" in body) is (dialect is Dialect.V1)


class TestAQuery:
    def test_keeps_the_first_of_each_name(self) -> None:
        assert parameters_of("a=1&a=2&b=&c=%22x%22+y") == {"a": "1", "b": "", "c": '"x" y'}

    @pytest.mark.parametrize("query", ["&".join(["a=1"] * 21), "a=" + "x" * 4_095])
    def test_has_its_bounds(self, query: str) -> None:
        with pytest.raises(InvalidInput):
            parameters_of(query)


class TestAStatement:
    @pytest.mark.parametrize(
        ("statement", "name"),
        [
            ('CREATE DATABASE "default"', "default"),
            ("create  database telegraf;", "telegraf"),
            (r'CREATE DATABASE "a\"b\\c" WITH DURATION 1d REPLICATION 1', 'a"b\\c'),
        ],
    )
    def test_that_makes_a_database_is_read(self, statement: str, name: str) -> None:
        assert created_database(statement) == name

    @pytest.mark.parametrize("statement", ["", "SHOW DATABASES", "DROP DATABASE a", "CREATE DATABASE"])
    def test_of_another_kind_is_not(self, statement: str) -> None:
        with pytest.raises(QueriesNotOffered):
            created_database(statement)
