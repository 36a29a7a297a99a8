"""A worker ends at every point of every path, and at each pair: the end is one that a crash-free run gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from application.sagas.advance_saga import Heard
from domain.saga.progress import Action
from domain.saga.saga import Saga
from simulation.crash_world import Crash, CrashWorld, Ending

Path = Callable[[], CrashWorld]

PATHS: Final[dict[str, Path]] = {
    "paid": lambda: CrashWorld("good"),
    "free": lambda: CrashWorld("good", price="0.00"),
    "declined": lambda: CrashWorld("declined"),
    "out of stock": lambda: CrashWorld("good", on_hand=1),
    "no answer, no effect": lambda: CrashWorld("mute_before"),
    "no answer, but an effect": lambda: CrashWorld("mute_after"),
    "busy at first": lambda: CrashWorld("flaky"),
    "effect appears late": lambda: CrashWorld("late"),
    "capture refused": lambda: CrashWorld("no_capture"),
    "no answer, out of stock": lambda: CrashWorld("mute_after", on_hand=1),
    "free, out of stock": lambda: CrashWorld("good", on_hand=1, price="0.00"),
}
EXPECTED: Final = {
    "paid": "confirmed",
    "free": "confirmed",
    "declined": "cancelled",
    "out of stock": "cancelled",
    "no answer, no effect": "confirmed",
    "no answer, but an effect": "confirmed",
    "busy at first": "confirmed",
    "effect appears late": "confirmed",
    "capture refused": "cancelled",
    "no answer, out of stock": "cancelled",
    "free, out of stock": "cancelled",
}


def run(world: CrashWorld, crashes: tuple[int, ...]) -> tuple[Ending, list[int]]:
    """The end, and how many points were passed before each crash and after the last."""
    passed = []
    for crash_at in (*crashes, None):
        world.points.arm(crash_at)
        try:
            world.work()
        except Crash:
            passed.append(world.points.passed)
            world.recover()
            continue
        passed.append(world.points.passed)
        break
    world.points.arm(None)
    return world.ending(), passed


@pytest.mark.promise("S2", "M1", "M2")
@pytest.mark.timeout(300)
def test_every_point_and_every_pair_of_points(capsys: pytest.CaptureFixture[str]) -> None:
    singles = pairs = 0
    for name, path in PATHS.items():
        clean = path()
        expected, (points,) = run(clean, ())
        assert expected.order == EXPECTED[name], (name, expected)
        clean.require_conservation()
        for first in range(1, points + 1):
            world = path()
            end, (_, after) = run(world, (first,))
            assert end == expected, (name, first)
            world.require_conservation()
            singles += 1
            for second in range(1, after + 1):
                world = path()
                end, _ = run(world, (first, second))
                assert end == expected, (name, first, second)
                world.require_conservation()
                pairs += 1
    with capsys.disabled():
        print(f"\ncrash points: {singles} alone, {pairs} pairs, {len(PATHS)} paths")


@pytest.mark.promise("S2", "S11", "M1", "M2")
@pytest.mark.parametrize("method", ["good", "mute_before", "mute_after", "flaky", "late"])
def test_cancelled_at_every_point(method: str) -> None:
    """A caller cancels right after a worker has died there: either the order is confirmed, or nothing is left."""
    clean = CrashWorld(method)
    _, (points,) = run(clean, ())
    endings = set()
    for point in range(1, points + 1):
        world = CrashWorld(method)
        world.points.arm(point)
        with pytest.raises(Crash):
            world.work()
        world.points.arm(None)
        world.cancel()
        world.recover()
        world.work()
        world.require_conservation()
        endings.add(world.ending().order)
    assert endings == {"confirmed", "cancelled"}


@pytest.mark.promise("S4", "S9")
def test_a_frozen_worker_that_calls_after_everything_was_undone_leaves_nothing_behind() -> None:
    world = CrashWorld("good")
    frozen = world.handler
    (due,) = frozen.begin(world.context.tenant_id, [world.saga_id])
    # And here it is frozen, before its call.
    world.cancel()
    world.recover()
    world.work()
    assert world.ending().order == "cancelled"
    assert world.bank.accounts == {}
    reply = due.steps.call(due.directive, due.key, due.prepared)  # the money is set aside after all
    assert frozen.go_on([Heard(due, reply)]) == []
    assert world.saga().next(world.at).action is Action.UNDO
    world.work()
    world.require_conservation()


@pytest.mark.promise("S8", "S9")
def test_a_worker_whose_saga_was_taken_over_changes_nothing() -> None:
    world = CrashWorld("good")
    frozen = world.handler
    (due,) = frozen.begin(world.context.tenant_id, [world.saga_id])
    world.recover()
    world.work()
    before: Saga = world.saga()
    reply = due.steps.call(due.directive, due.key, due.prepared)
    assert frozen.go_on([Heard(due, reply)]) == []
    assert world.saga().version == before.version
    (late,) = frozen.late_replies.list(world.context.tenant_id, saga_id=world.saga_id, after=None, limit=10)
    assert late.key == due.key
    world.require_conservation()
