"""Writes docs/guarantees.md: every promise with the tests that prove it; `--check` fails when it is stale."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from promises import Promise, load_promises, promised_by

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "guarantees.md"
HEADER = """\
# What Holdwater guarantees

Made by `make guarantees` from docs/promises.toml and the tests' `promise` marks; not edited by hand.
A promise without a test is not kept yet, and says so.
"""


class _Collector:
    """Takes each collected test with its promises; a parametrised test counts once."""

    def __init__(self) -> None:
        self.proofs: defaultdict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for promise_id in promised_by(item):
                self.proofs[promise_id].add(item.nodeid.partition("[")[0])


def collect_proofs() -> dict[str, set[str]]:
    """Test ids by promise id, from a collection of all tests; leaves with pytest's words when that fails."""
    collector = _Collector()
    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        arguments = ["--collect-only", "--quiet", f"--rootdir={ROOT}", str(ROOT / "tests")]
        status = pytest.main(arguments, [collector])
    if status is not pytest.ExitCode.OK:
        sys.exit(f"{words.getvalue()}\nThe tests can't be collected, so docs/guarantees.md can't be made.")
    return collector.proofs


def render(promises: Iterable[Promise], proofs: dict[str, set[str]]) -> str:
    """The page as Markdown: a count, then each area with its promises and their tests."""
    listed = list(promises)
    kept = sum(1 for promise in listed if proofs.get(promise.id))
    lines = [HEADER, f"Proved by at least one test: {kept} of {len(listed)} promises."]
    area = ""
    for promise in listed:
        if promise.area != area:
            area = promise.area
            lines += ["", f"## {area}"]
        lines += ["", f"**{promise.id}.** {promise.wording}", ""]
        lines += [f"- {_link(test)}" for test in sorted(proofs.get(promise.id, ()))] or ["- not yet"]
    return "\n".join(lines) + "\n"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{path.removeprefix('tests/')}](../{path})::{name}"


def main() -> int:
    """Write the page, or with `--check` compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is stale")
    check_only = parser.parse_args().check
    page = render(load_promises().values(), collect_proofs())
    if not check_only:
        PAGE.write_text(page, encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)} is written.")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        print("docs/guarantees.md is up to date.")
        return 0
    print("docs/guarantees.md is stale: run make guarantees, and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
