"""`demo`: the main job, on the first purchases of the file."""

from __future__ import annotations

import pytest

from entrypoints.cli.demo.command import PURCHASES
from entrypoints.cli.demo.purchases import read_purchases, total_of
from integration.cli.conftest import Stack

pytestmark = pytest.mark.timeout(200)


class TestTheFile:
    def test_holds_the_published_purchases(self) -> None:
        purchases = read_purchases(PURCHASES)
        assert len(purchases) == 6_919
        assert len({purchase.customer for purchase in purchases}) == 2_357
        assert sum(purchase.amount in {"0", "0.0", "0.00"} for purchase in purchases) == 8
        assert str(total_of(purchases)) == "244091.94"


class TestTheDemo:
    def test_sends_real_purchases_through_a_running_stack_and_leaves_it_running(self, stack: Stack) -> None:
        demo = stack.holdwater("demo", "--orders", "300", "--clients", "4")
        assert demo.status == 0, demo.stderr
        total = total_of(read_purchases(PURCHASES)[:300])
        assert f"{total:,} USD  equal" in demo.stdout
        assert stack.holdwater("status").status == 0
