"""The contract of heartbeats: who lives, who is lost, who is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.system_clock import new_id
from application.ports.heartbeats import ALIVE_WITHIN_S, Heartbeats, RoleProcess, Sighting
from builders import NOON

PassTime = Callable[[timedelta], None]


class HeartbeatsContract:
    """Each test looks at processes of its own, since heartbeats are the whole installation's."""

    @pytest.fixture
    def heartbeats(self) -> Heartbeats:
        raise NotImplementedError("the binding must override heartbeats")

    @pytest.fixture
    def pass_time(self) -> PassTime:
        """Lets that much time pass for all processes that were heard of."""
        raise NotImplementedError("the binding must override pass_time")

    def test_who_beats_is_alive_and_who_stops_is_lost(
        self, heartbeats: Heartbeats, pass_time: PassTime
    ) -> None:
        quiet, busy = a_process("relay"), a_process("worker")
        heartbeats.beat(quiet)
        heartbeats.beat(busy)
        pass_time(timedelta(seconds=ALIVE_WITHIN_S + 1))
        heartbeats.beat(busy)
        assert not sighting(heartbeats, quiet).is_alive
        assert sighting(heartbeats, busy).is_alive
        assert sighting(heartbeats, busy).process == busy

    def test_who_leaves_is_gone(self, heartbeats: Heartbeats) -> None:
        process = a_process("scheduler")
        heartbeats.beat(process)
        heartbeats.leave(process)
        heartbeats.leave(process)
        assert process not in [seen.process for seen in heartbeats.sightings()]

    def test_the_lost_are_forgotten_in_the_end(self, heartbeats: Heartbeats, pass_time: PassTime) -> None:
        old, young = a_process("web"), a_process("web")
        heartbeats.beat(old)
        pass_time(timedelta(hours=1))
        heartbeats.beat(young)
        assert heartbeats.forget(timedelta(minutes=59)) >= 1
        known = [seen.process for seen in heartbeats.sightings()]
        assert old not in known
        assert young in known


def a_process(role: str) -> RoleProcess:
    """A new one."""
    return RoleProcess(id=new_id(), role=role, host="a-host", pid=4711, started_at=NOON)


def sighting(heartbeats: Heartbeats, process: RoleProcess) -> Sighting:
    """What is known of it."""
    (found,) = [seen for seen in heartbeats.sightings() if seen.process.id == process.id]
    return found
