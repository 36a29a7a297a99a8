"""Restarts that depend on each other, and one that doesn't succeed."""

from __future__ import annotations

import threading

import pytest

from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from adapters.embedded.supervisor import Patience
from integration.embedded.conftest import PATIENCE_S, answers, eventually, kill, processes_about

QUICK = Patience(back_off_max_s=0.05)


def test_one_that_needs_another_does_not_keep_that_from_coming_back(state: StateDirectory) -> None:
    database_is_looked_at = threading.Event()
    database_is_looked_at.set()
    faults: list[BaseException] = []

    def kill_both(stack: EmbeddedStack) -> None:
        try:
            web, database = stack.pids["web"], stack.pids["postgres"]
            database_is_looked_at.clear()
            kill(web)
            eventually(lambda: stack.pids.get("web", web) != web, "web is not started again")
            kill(database)
            database_is_looked_at.set()
            eventually(lambda: stack.pids.get("postgres", database) != database, "no restart")
            eventually(lambda: answers(stack.urls.owner_url), "PostgreSQL doesn't answer")
        except BaseException as error:  # noqa: BLE001 - the test's own thread tells of it
            faults.append(error)
        finally:
            stack.request_stop()

    with EmbeddedStack(state, with_redis=False, patience=QUICK) as stack:
        stack.run_command(
            "web",
            ["sleep", "1000"],
            is_ready=lambda: database_is_looked_at.is_set() and answers(stack.urls.owner_url),
        )
        killer = threading.Thread(target=kill_both, args=(stack,))
        killer.start()
        stack.run_until_stopped()
        killer.join(PATIENCE_S)
    assert faults == []


def test_one_that_does_not_get_ready_again_counts_as_dead(state: StateDirectory) -> None:
    tries: list[None] = []

    def is_ready() -> bool:
        tries.append(None)
        return len(tries) == 1

    with EmbeddedStack(state, with_redis=False, patience=QUICK) as stack:
        stack.run_command("web", ["sleep", "1000"], is_ready=is_ready, ready_timeout_s=0.3)
        kill(stack.pids["web"])
        with pytest.raises(EmbeddedServiceError, match=r"web died 6 times(.|\n)*wasn't ready within"):
            stack.run_until_stopped()
    assert processes_about(str(state.path)) == {}
