"""A house for each test."""

from __future__ import annotations

import pytest

from unit.application.house import House


@pytest.fixture
def house() -> House:
    """A tenant with nothing in store."""
    return House()
