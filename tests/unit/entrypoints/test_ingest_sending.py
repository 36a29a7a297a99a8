"""Sending files: patient with a service that fails, exact whatever was killed, and told by the lines of the file."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
import urllib3

from adapters.reading_formats.decoder import BodyDecoder
from application.ports.reading_decoder import Form
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.ingest.journal import Journal
from entrypoints.cli.ingest.loading import Loaded, Loader
from entrypoints.cli.ingest.sending import RETRY_AFTER_MAX_S, TRIES_MAX, Sender
from entrypoints.cli.ingest.sources import LoadOptions

ROWS: Final = 100
BATCH_ROWS: Final = 10
BAD_LINES: Final = (7, 55, 90)
"""Refused before sending."""
NEGATIVE_LINES: Final = (30, 31)
"""Rejected by the service here."""

Fail = Callable[[int, int], "urllib3.BaseHTTPResponse | Exception | None"]


def answer(status: int, body: object, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.HTTPResponse(json.dumps(body).encode(), headers, status, preload_content=True)


class Service:
    """Stores readings once and answers as the API does; `fail` says what goes wrong at a request's nth try."""

    def __init__(self) -> None:
        self.stored: dict[Any, float] = {}
        self.bodies: Counter[bytes] = Counter()
        self.fail: Fail = lambda number, try_: None
        self.intakes: dict[str, list[dict[str, Any]]] = {}
        """What is told of a batch that is loaded later, one answer after the other."""
        self._answers: dict[str, dict[str, Any]] = {}
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()

    def request(
        self, method: str, url: str, *, body: bytes, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        if method == "GET":
            return answer(200, self.intakes[url].pop(0))
        assert (method, url.partition("?")[0]) == ("POST", "/v1/readings")
        assert "mode=partial" in url
        key = headers["Idempotency-Key"]
        number = int(key.split("-")[2])
        with self._lock:
            self._tries[key] += 1
            failure = self.fail(number, self._tries[key])
            if not isinstance(failure, urllib3.BaseHTTPResponse):
                self.bodies[body] += 1
                given = (
                    self._answers.setdefault(key, self._take_in(body)) if key not in self._answers else None
                )
                found = given or self._answers[key]
            if isinstance(failure, Exception):
                raise failure  # the answer is lost, what was sent is stored
            return failure or answer(200, found)

    def close(self) -> None:
        pass

    def _take_in(self, body: bytes) -> dict[str, Any]:
        columns, rejects = BodyDecoder().decode(body, Form.ARROW, now_us=0)
        assert rejects == ()
        faults, accepted = [], 0
        for key, time, value, row in zip(
            columns.key_of, columns.times, columns.values, columns.rows, strict=True
        ):
            if value < 0:
                faults.append({"row": row, "reason": "negative", "detail": "below zero"})
            elif (columns.keys[key], time) not in self.stored:
                self.stored[columns.keys[key], time] = value
                accepted += 1
        duplicate = len(columns) - accepted - len(faults)
        return {
            "accepted": accepted,
            "duplicate": duplicate,
            "conflict": 0,
            "rejected": len(faults),
            "faults": faults,
        }

    @property
    def values(self) -> list[float]:
        return sorted(self.stored.values())


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    lines = ["ts,value"]
    for line in range(2, ROWS + 2):
        value = "bad" if line in BAD_LINES else -line if line in NEGATIVE_LINES else line
        lines.append(f"2024-01-01T00:{line // 60:02}:{line % 60:02}Z,{value}")
    path.write_text("\n".join(lines) + "\n")
    return path


GOOD: Final = sorted(
    float(line) for line in range(2, ROWS + 2) if line not in BAD_LINES and line not in NEGATIVE_LINES
)


def loader(service: Service, tmp_path: Path, connections: int = 3) -> Loader:
    sender = Sender(service, "hw_token", connections=connections, stopped=NoPause())
    options = LoadOptions(columns=MapOptions.of([], "pump", "temperature", []), batch_rows=BATCH_ROWS)
    return Loader(sender, options, tmp_path / "ingest", "here")


def quiet(done: int, total: int | None, readings: int) -> None:
    pass


def require_exact(loaded: Loaded, service: Service) -> None:
    """Every good row is stored once and told as accepted; every bad one is told once, by its line."""
    counts = loaded.counts
    assert service.values == GOOD
    assert (counts.accepted, counts.duplicate) == (len(GOOD), 0)
    assert (counts.rows, counts.readings) == (ROWS, ROWS)
    assert (counts.refused, counts.rejected) == (len(BAD_LINES), len(NEGATIVE_LINES))
    told = [(fault.line, fault.reason) for fault in loaded.progress.faults]
    expected = [(line, "not-a-number") for line in BAD_LINES] + [
        (line, "negative") for line in NEGATIVE_LINES
    ]
    assert told == sorted(expected)
    assert loaded.refused_file is not None
    refused = [json.loads(line)["line"] for line in loaded.refused_file.read_text().splitlines()]
    assert refused == list(BAD_LINES)


class NoPause(threading.Event):
    """A stop event that waits no time, and notes how long it was to wait."""

    waits: ClassVar[list[float]] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class Killed(BaseException):
    """Ends a run as nothing that is handled does."""


class TestAServiceThatFails:
    @pytest.mark.promise("W2", "W6")
    def test_is_tried_again_until_every_row_is_there_once(
        self, service: Service, file: Path, tmp_path: Path
    ) -> None:
        failures: dict[int, urllib3.BaseHTTPResponse | Exception] = {
            1: answer(503, {}, **{"Retry-After": "0"}),
            2: urllib3.exceptions.ProtocolError("the answer was lost"),
            3: answer(429, {}, **{"Retry-After": "0"}),
            4: answer(409, {}, **{"Retry-After": "0"}),
            5: answer(502, "not JSON"),
        }
        service.fail = lambda number, try_: failures.get(try_ + number % 3)
        require_exact(loader(service, tmp_path).load(file, quiet), service)

    def test_is_given_up_after_a_bounded_number_of_tries(
        self, service: Service, file: Path, tmp_path: Path
    ) -> None:
        tries: list[int] = []

        def busy(number: int, try_: int) -> urllib3.BaseHTTPResponse | None:
            if number != 4:
                return None
            tries.append(try_)
            return answer(503, {"detail": "busy"}, **{"Retry-After": "7" if try_ == 1 else "900"})

        service.fail = busy
        NoPause.waits.clear()
        with pytest.raises(
            CommandFailed, match="lines 42 to 51: the service answered 503: busy; 25 tries"
        ) as failed:
            loader(service, tmp_path).load(file, quiet)
        assert failed.value.exit_code == 75
        assert tries == list(range(1, TRIES_MAX + 1))
        assert NoPause.waits == [7.0, *[RETRY_AFTER_MAX_S] * (TRIES_MAX - 2)]

    def test_that_refuses_a_request_ends_the_run_and_the_next_goes_on_there(
        self, service: Service, file: Path, tmp_path: Path
    ) -> None:
        service.fail = lambda number, try_: answer(403, {"detail": "no scope"}) if number == 6 else None
        with pytest.raises(CommandFailed, match=r"rows.csv: lines 62 to 71: .*403: no scope") as failed:
            loader(service, tmp_path).load(file, quiet)
        assert failed.value.exit_code == 77
        service.fail = lambda number, try_: None
        loaded = loader(service, tmp_path).load(file, quiet)
        assert loaded.resumed_at == 62
        require_exact(loaded, service)


class TestABatchThatIsLoadedLater:
    def test_is_waited_for_and_told_as_any_other(self, service: Service, file: Path, tmp_path: Path) -> None:
        waiting = {"status": "waiting", "result": None}
        result = {"accepted": 9, "duplicate": 0, "conflict": 0, "rejected": 0, "faults": []}
        service.intakes = {
            "/v1/readings/intakes/5": [waiting, waiting, {"status": "loaded", "result": result}]
        }
        later = answer(202, {}, **{"Location": "/v1/readings/intakes/5", "Retry-After": "1"})
        service.fail = lambda number, try_: later if number == 5 else None
        counts = loader(service, tmp_path).load(file, quiet).counts
        assert (counts.accepted, counts.readings) == (len(GOOD), ROWS)
        assert service.intakes == {"/v1/readings/intakes/5": []}

    def test_is_named_when_it_was_refused(self, service: Service, file: Path, tmp_path: Path) -> None:
        refused = {"status": "refused", "refusal": {"detail": "its token is gone"}}
        service.intakes = {"/v1/readings/intakes/5": [refused]}
        later = answer(202, {}, Location="/v1/readings/intakes/5")
        service.fail = lambda number, try_: later if number == 5 else None
        with pytest.raises(CommandFailed, match="lines 52 to 61: its token is gone"):
            loader(service, tmp_path).load(file, quiet)


class TestARunThatWasKilled:
    @pytest.mark.promise("W2")
    @pytest.mark.parametrize("after", range(1, 10))
    def test_is_gone_on_with_after_what_was_acknowledged(
        self, after: int, service: Service, file: Path, tmp_path: Path
    ) -> None:
        moves = []

        def die(done: int, total: int | None, readings: int) -> None:
            moves.append(done)
            if len(moves) > after:
                raise Killed

        with pytest.raises(Killed):
            loader(service, tmp_path).load(file, die)
        loaded = loader(service, tmp_path).load(file, quiet)
        assert loaded.resumed_at == 2 + after * BATCH_ROWS
        require_exact(loaded, service)
        # Only what was under way may have gone out twice, and then in the same bytes.
        assert len(service.bodies) == ROWS // BATCH_ROWS
        assert sum(service.bodies.values()) <= ROWS // BATCH_ROWS + 2 * 3

    def test_begins_anew_when_the_journal_is_torn_or_the_file_another(
        self, service: Service, file: Path, tmp_path: Path
    ) -> None:
        service.fail = lambda number, try_: answer(403, {}) if number == 6 else None
        with pytest.raises(CommandFailed):
            loader(service, tmp_path).load(file, quiet)
        (journal,) = (tmp_path / "ingest").glob("*.json")
        journal.write_text(journal.read_text()[:40])
        service.fail = lambda number, try_: None
        loaded = loader(service, tmp_path).load(file, quiet)
        assert (loaded.resumed_at, loaded.counts.rows) == (None, ROWS)
        assert service.values == GOOD
        file.write_text(file.read_text() + "2024-01-02T00:00:00Z,500\n")
        again = loader(service, tmp_path).load(file, quiet)
        assert (again.counts.accepted, again.counts.duplicate) == (1, len(GOOD))

    def test_is_no_matter_of_a_second_one_at_the_same_time(self, tmp_path: Path) -> None:
        with (
            Journal(tmp_path, "key"),
            pytest.raises(CommandFailed, match="another"),
            Journal(tmp_path, "key"),
        ):
            pass
        with Journal(tmp_path, "key"):
            pass


class TestAFileThatIsSentAgain:
    @pytest.mark.promise("W2")
    def test_doubles_nothing_and_says_so(self, service: Service, file: Path, tmp_path: Path) -> None:
        require_exact(loader(service, tmp_path).load(file, quiet), service)
        again = loader(service, tmp_path).load(file, quiet)
        assert service.values == GOOD
        assert (again.counts.accepted, again.counts.duplicate, again.resumed_at) == (0, len(GOOD), None)
        assert [path.suffix for path in (tmp_path / "ingest").glob("*.json")] == []
