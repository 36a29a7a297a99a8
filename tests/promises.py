"""The promise catalogue, and the pytest plugin that checks every `promise` mark against it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).resolve().parent.parent / "docs" / "promises.toml"


@dataclass(frozen=True)
class Promise:
    """One promise: its id (`H4`), the title of its area, and its wording."""

    id: str
    area: str
    wording: str


def load_promises(catalogue: Path = CATALOGUE) -> dict[str, Promise]:
    """All promises by id, in the order of the catalogue."""
    areas = tomllib.loads(catalogue.read_text(encoding="utf-8"))["areas"]
    return {
        promise_id: Promise(promise_id, area["title"], wording)
        for area in areas.values()
        for promise_id, wording in area.items()
        if promise_id != "title"
    }


def promised_by(item: pytest.Item) -> tuple[str, ...]:
    """The promise ids that a test claims to prove, by its own marks and those of its class and module."""
    return tuple(promise_id for mark in item.iter_markers("promise") for promise_id in mark.args)


class PromisePlugin:
    """Fails the collection when a test names a promise that the catalogue doesn't have."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Raise `pytest.UsageError` with every wrong mark."""
        faults = list(_faults(items, load_promises()))
        if faults:
            raise pytest.UsageError("\n".join(["Promise marks against docs/promises.toml:", *faults]))


def _faults(items: Iterable[pytest.Item], known: dict[str, Promise]) -> Iterator[str]:
    for item in items:
        for mark in item.iter_markers("promise"):
            if not mark.args or mark.kwargs:
                yield f'  {item.nodeid}: write @pytest.mark.promise("H4"), with one or more ids'
        for promise_id in promised_by(item):
            if promise_id not in known:
                yield f"  {item.nodeid}: {promise_id!r}"
