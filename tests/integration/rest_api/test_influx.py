"""The API of InfluxDB: credentials, addresses, and which status says what."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from dependency_injector import providers

from application.conflict_retry import Overloaded
from application.ports.readiness import CheckResult
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict
from domain.errors import DomainError
from domain.idempotency import RequestInProgress
from domain.telemetry.batch import BatchResult, Mode
from domain.telemetry.reading import READINGS_MAX
from entrypoints.container import Container
from entrypoints.limits import BULK_BODY_BYTES_MAX
from entrypoints.settings import Settings
from integration.rest_api.checked_client import Answer, CheckedClient

V2, V1 = "/api/v2/write?org=any&bucket=default", "/write?db=default"
LINE = b"room,device=pump-7 temperature=21.5 1767225600000000000"
CODES = {
    400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not found", 405: "method not allowed",
    413: "request too large", 429: "too many requests", 500: "internal error", 501: "not implemented",
    503: "unavailable",
}  # fmt: skip


def write(api: CheckedClient, body: bytes = LINE, path: str = V2, **headers: str) -> Answer:
    """A write as clients send it; an error has the form of InfluxDB's."""
    answer = api.call("POST", path, body, content_type="text/plain; charset=utf-8", **headers)
    if answer.status == 204:
        assert (answer.body, "Content-Type" in answer.headers) == (b"", False)
    else:
        require_error(answer)
    return answer


def require_error(answer: Answer) -> None:
    """That it is an error as InfluxDB gives it."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["code"] == CODES[answer.status] == answer.headers["X-Platform-Error-Code"]
    assert answer.json["message"]


def failing(container: Container, error: Exception) -> None:
    """From now on storing fails so."""

    def handle(*_: object) -> None:
        raise error

    container.ingest_readings.override(providers.Object(SimpleNamespace(handle=handle)))


def commands(container: Container) -> Iterator[object]:
    """Every command for storing that comes from now on."""
    seen: list[object] = []

    def handle(command: object, context: object) -> object:
        seen.append(command)
        return SimpleNamespace(result=BatchResult(accepted=1, duplicate=0, conflict=0, rejected=0))

    container.ingest_readings.override(providers.Object(SimpleNamespace(handle=handle)))
    return iter(seen)


@pytest.mark.promise("W5")
class TestCredentials:
    def test_may_come_in_each_form_that_clients_know(self, api: CheckedClient) -> None:
        token = str(api.token)
        basic = [
            base64.b64encode(text.encode()).decode() for text in (token, f"anybody:{token}", f":{token}")
        ]
        schemes = [
            f"Token {token}",
            f"token  {token}",
            f"Bearer {token}",
            *(f"Basic {each}" for each in basic),
        ]
        for authorization in schemes:
            assert write(api.as_(None), authorization=authorization).status == 204, authorization

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Token",
            "Token wrong",
            "Bearer wrong",
            "Basic !",
            "Basic /w==",
            "Basic d3Jvbmc=",
            "Digest x",
            "x",
        ],
    )
    def test_that_are_none_of_them_are_401(self, api: CheckedClient, authorization: str) -> None:
        answer = write(api.as_(None), authorization=authorization)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Token realm="holdwater"')

    def test_without_the_scope_are_403(self, api: CheckedClient, new_token: Callable[..., str]) -> None:
        assert write(api.as_(new_token("readings:read"))).status == 403
        assert write(api.as_(new_token("readings:write"))).status == 204


@pytest.mark.promise("W5")
class TestTheOrderOfChecks:
    def test_is_that_of_influxdb(
        self, api: CheckedClient, container: Container, new_token: Callable[..., str]
    ) -> None:
        """Token, precision, bucket, right; then what counts for the rate limit; then the body."""
        reader, bad = api.as_(new_token("readings:read", owner="bob")), "/api/v2/write?precision=m"
        assert write(api.as_(None), b"", bad).status == 401
        assert write(reader, b"", bad).status == 400
        assert write(reader, b"", "/api/v2/write").status == 404
        assert write(reader, b"").status == 403
        container.settings.override(Settings(persistence="memory", rate_limit_token=1, rate_window_s=86_400))
        container.rate_limiter_of_process.reset()
        assert write(api, b"").json["message"] == "writing requires points"
        answer = write(api, b"")
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 86_400
        v1 = write(api, b"", V1)
        assert (v1.status, v1.headers["Retry-After"]) == (503, "30"), "Telegraf's output for v1 drops at 429"


@pytest.mark.promise("W5")
class TestAWrite:
    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "nonsense", "a/b; c=d"])
    @pytest.mark.parametrize("accept", ["application/json", "text/html", "nonsense", "*/*;q=0"])
    def test_is_taken_with_any_content_type_and_any_accept(
        self, api: CheckedClient, content_type: str, accept: str
    ) -> None:
        answer = api.call("POST", V2, LINE, content_type=content_type, accept=accept)
        assert answer.status == 204

    @pytest.mark.parametrize(
        ("path", "precision", "unit"),
        [
            (V2, "", 1), (V2, "ns", 1), (V2, "us", 1_000), (V2, "ms", 1_000_000), (V2, "s", 1_000_000_000),
            (V1, "", 1), (V1, "n", 1), (V1, "ns", 1), (V1, "u", 1_000), (V1, "ms", 1_000_000),
            (V1, "s", 1_000_000_000),
        ],
    )  # fmt: skip
    def test_has_its_times_in_its_precision(
        self, api: CheckedClient, container: Container, path: str, precision: str, unit: int
    ) -> None:
        seen = commands(container)
        ns = 1_767_225_600_000_000_000
        line = f"room temperature=21.5 {ns // unit}".encode()
        assert write(api, line, f"{path}&precision={precision}" if precision else path).status == 204
        command = next(seen)
        assert command.mode is Mode.PARTIAL  # type: ignore[attr-defined]
        assert list(command.decoded.columns.times) == [ns // 1_000]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("path", [V2, V1])
    def test_may_be_zipped(self, api: CheckedClient, path: str) -> None:
        for name in ("gzip", "x-gzip"):
            assert write(api, gzip.compress(LINE), path, content_encoding=name).status == 204
        assert write(api, gzip.compress(LINE)[:-4], path, content_encoding="gzip").status == 400
        assert write(api, LINE, path, content_encoding="gzip").status == 400
        assert write(api, LINE, path, content_encoding="br").status == 400
        assert write(api, gzip.compress(b""), path, content_encoding="gzip").status == 400

    def test_without_a_point_does_no_harm(self, api: CheckedClient) -> None:
        assert write(api, b"").json["message"] == "writing requires points"
        assert write(api, b"\n# nothing\n\r\n").status == 204

    def test_to_another_bucket_is_404_that_names_it(self, api: CheckedClient) -> None:
        answer = write(api, path="/api/v2/write?bucket=telegraf")
        assert (answer.status, "'telegraf'" in answer.json["message"]) == (404, True)
        old = write(api, path="/write?db=telegraf")
        assert old.status == 404
        assert old.json["error"].startswith('database not found: "telegraf"')

    def test_may_name_the_bucket_by_its_id(self, api: CheckedClient) -> None:
        (bucket,) = api.get("/api/v2/buckets").json["buckets"]
        assert write(api, path=f"/api/v2/write?bucket={bucket['id']}&orgID={bucket['orgID']}").status == 204

    @pytest.mark.promise("W3", "W8")
    def test_with_bad_lines_stores_the_others_and_names_those(self, api: CheckedClient) -> None:
        good = [f"room temperature={number} {1_767_225_600 + number}" for number in range(3)]
        body = "\n".join((good[0], "# a comment", "nonsense", good[1], 'room text="a" 1767225600', good[2]))
        for accepted in (3, 3):
            answer = write(api, body.encode(), V2 + "&precision=s")
            message = answer.json["message"]
            assert answer.status == 400
            assert [line.partition(":")[0] for line in message.split("\n")] == ["line 3", "line 5"]
            found = {name: answer.json[name] for name in ("line", "accepted", "rejected")}
            assert found == {"line": 3, "accepted": accepted, "rejected": 2}
        assert write(api, b"room temperature=7 1767225600", V2 + "&precision=s").status == 204
        old = write(api, body.encode(), V1 + "&precision=s")
        assert old.json["error"] == f"partial write: {old.json['message']}"

    @pytest.mark.promise("W3")
    def test_names_100_lines_and_counts_the_others(self, api: CheckedClient) -> None:
        answer = write(api, b"\n".join([LINE, *[b"nonsense"] * 150]))
        assert len(answer.json["message"].split("\n")) == 100
        assert (answer.json["line"], answer.json["accepted"], answer.json["rejected"]) == (2, 1, 150)

    def test_is_not_looked_at_by_what_is_for_other_addresses(self, api: CheckedClient) -> None:
        """No guard of Django's own for bodies, no address that leads on to another."""
        large = b"\n".join([LINE] * 60_000)
        assert len(large) > 2_621_440
        assert write(api, large).status == 204
        answer = write(api, host="unknown.example")
        assert answer.status == 403, "Telegraf keeps its batches until the setting is mended"
        assert write(api, path=V1, host="unknown.example").status == 503
        assert api.as_(None).get("/ping", host="unknown.example").status == 204


@pytest.mark.promise("W5", "W6")
class TestABodyThatIsTooLarge:
    @pytest.mark.parametrize("path", [V2, V1])
    def test_is_413_so_that_it_is_split_but_400_if_it_is_one_line(
        self, api: CheckedClient, path: str
    ) -> None:
        long = b"room " + b",".join(b"f%d=1" % number for number in range(READINGS_MAX + 1))
        many = b"\n".join([LINE] * (READINGS_MAX + 1))
        bomb = gzip.compress(bytes(BULK_BODY_BYTES_MAX + 1))
        bomb_of_lines = gzip.compress(b"\n#" * (BULK_BODY_BYTES_MAX // 2 + 1))
        for body, encoding, status in (
            (many, "identity", 413), (long, "identity", 400), (long + b"\n", "identity", 400),
            (long + b"\n" + LINE, "identity", 413), (bomb, "gzip", 400), (bomb_of_lines, "gzip", 413),
        ):  # fmt: skip
            answer = write(api, body, path, content_encoding=encoding)
            assert answer.status == status, (len(body), encoding)
            assert answer.json.get("maxLength") == (BULK_BODY_BYTES_MAX if status == 413 else None)


@pytest.mark.promise("W5")
class TestWhatMayPass:
    @pytest.mark.parametrize("path", [V2, V1])
    @pytest.mark.parametrize(
        "error",
        [
            StoreUnavailable(retry_after_s=1), TransactionConflict(), Overloaded(tries=5),
            RequestInProgress(retry_after_s=2),
            StoreUnavailable(retry_after_s=3_600), StoreUnavailable(retry_after_s=0),
        ],
    )  # fmt: skip
    def test_is_503_with_a_short_pause(
        self, api: CheckedClient, container: Container, path: str, error: DomainError
    ) -> None:
        failing(container, error)
        answer = write(api, path=path)
        assert answer.status == 503
        assert 1 <= int(answer.headers["Retry-After"]) <= 30

    def test_is_500_for_a_fault_of_ours_which_is_told_to_nobody(
        self, api: CheckedClient, container: Container, caplog: pytest.LogCaptureFixture
    ) -> None:
        failing(container, ValueError("broken inside"))
        answer = write(api)
        assert answer.status == 500
        assert b"broken" not in answer.body
        assert "a request failed" in caplog.text


@pytest.mark.promise("W5")
class TestOtherAddresses:
    def test_say_that_somebody_is_there(self, api: CheckedClient) -> None:
        for method in ("GET", "HEAD"):
            answer = api.as_(None).call(method, "/ping")
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["X-Influxdb-Version"].startswith("2.")
            assert answer.headers["X-Influxdb-Build"] == "OSS"

    def test_say_whether_writes_are_served(self, api: CheckedClient, container: Container) -> None:
        nobody = api.as_(None)
        answer = nobody.get("/health")
        assert (answer.status, answer.json["status"], answer.json["name"]) == (200, "pass", "influxdb")
        assert nobody.get("/ready").json == {"status": "ready"}
        broken = CheckResult("database", required=True, problem="it does not answer")
        container.readiness_checks.override(providers.Object([lambda: broken]))
        answer = nobody.get("/health")
        assert (answer.status, answer.json["status"]) == (503, "fail")
        assert {"name": "database", "status": "fail", "message": "it does not answer"} in answer.json[
            "checks"
        ]
        answer = nobody.get("/ready")
        require_error(answer)
        assert answer.status == 503

    def test_list_the_callers_own(self, api: CheckedClient, new_token: Callable[..., str]) -> None:
        other = api.as_(new_token("readings:read", tenant="umbrella"))
        found = []
        for client in (api, other):
            (org,) = client.get("/api/v2/orgs?org=any").json["orgs"]
            (bucket,) = client.get("/api/v2/buckets?name=default&limit=20").json["buckets"]
            assert bucket["orgID"] == org["id"] != bucket["id"]
            assert (bucket["name"], bucket["retentionRules"]) == ("default", [])
            assert client.get("/api/v2/buckets?name=telegraf").json["buckets"] == []
            found.append(org["id"])
        assert len(set(found)) == 2
        for path in ("/api/v2/orgs", "/api/v2/buckets"):
            assert api.as_(None).get(path).status == 401
            assert api.as_(new_token("orders:read")).get(path).status == 403

    def test_let_version_1_begin_with_its_database(self, api: CheckedClient) -> None:
        def ask(statement: str) -> Answer:
            return api.call(
                "POST", "/query", f"q={statement}".encode(), content_type="application/x-www-form-urlencoded"
            )

        for statement in (
            "CREATE+DATABASE+%22default%22",
            "create database default;",
            'CREATE DATABASE "default" WITH DURATION 1d',
        ):
            assert (ask(statement).status, ask(statement).json) == (200, {"results": [{"statement_id": 0}]})
        assert "'telegraf'" in ask("CREATE DATABASE telegraf").json["results"][0]["error"]
        answer = ask("SELECT * FROM cpu")
        require_error(answer)
        assert answer.status == 501

    def test_do_not_query(self, api: CheckedClient) -> None:
        answer = api.call("POST", "/api/v2/query?org=any", b'from(bucket: "default")')
        require_error(answer)
        assert answer.status == 501

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            (V2, "POST"), (V1, "POST"), ("/query", "POST"), ("/api/v2/query", "POST"), ("/ping", "GET, HEAD"),
            ("/health", "GET, HEAD"), ("/ready", "GET, HEAD"), ("/api/v2/orgs", "GET, HEAD"),
            ("/api/v2/buckets", "GET, HEAD"),
        ],
    )  # fmt: skip
    def test_take_their_methods_alone(self, api: CheckedClient, path: str, allowed: str) -> None:
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - set(
            allowed.split(", ")
        ):
            answer = api.call(method, path, LINE)
            require_error(answer)
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)

    def test_of_influxdb_that_are_not_there_are_404(self, api: CheckedClient) -> None:
        for path in ("/api/v2/signin", "/api/v2/write/", "/api/v2/dashboards/x"):
            answer = api.call("POST", path, LINE)
            require_error(answer)
            assert answer.status == 404


@pytest.mark.promise("A6")
def test_nothing_of_a_body_is_logged(api: CheckedClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for body in (b"secret-room temperature=1", b"secret nonsense", b'secret-room temperature="x"'):
        write(api, body)
    assert "secret" not in caplog.text
    assert str(api.token) not in caplog.text
