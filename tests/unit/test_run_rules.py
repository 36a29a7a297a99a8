"""The run's own rules: unknown promises stop it, unheard skips fail it, the page of guarantees is exact."""

from __future__ import annotations

from pathlib import Path

import pytest

import unheard_skips
from guarantees import render
from promises import Promise, PromisePlugin, load_promises
from unheard_skips import UnheardSkipsPlugin

pytest_plugins = ["pytester"]

TOGGLES = "-p", "no:cacheprovider", "-p", "no:timeout"


def run(pytester: pytest.Pytester, plugin: object, source: str) -> pytest.HookRecorder:
    """Run one test file in a project of its own, with one of our plugins."""
    pytester.makeini("[pytest]\nmarkers =\n    promise(*ids): ids\n    allowed_skip(reason): why\n")
    pytester.makepyfile(f"import pytest\n{source}")
    return pytester.inline_run(*TOGGLES, plugins=[plugin])


class TestAPromiseMark:
    @pytest.mark.parametrize("mark", ['promise("L1")', 'promise("L1", "H12")'])
    def test_with_known_ids_lets_the_tests_run(self, pytester: pytest.Pytester, mark: str) -> None:
        result = run(pytester, PromisePlugin(), f"@pytest.mark.{mark}\ndef test_it(): pass")
        assert result.ret == pytest.ExitCode.OK
        result.assertoutcome(passed=1)

    @pytest.mark.parametrize(
        "mark", ['promise("L99")', 'promise("L1", "Z1")', "promise()", "promise", "promise(id='L1')"]
    )
    def test_that_names_no_promise_stops_the_run(self, pytester: pytest.Pytester, mark: str) -> None:
        result = run(pytester, PromisePlugin(), f"@pytest.mark.{mark}\ndef test_it(): pass")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.assertoutcome()


class TestAGuardedRun:
    @pytest.mark.parametrize(
        "source",
        [
            "@pytest.mark.skip(reason='later')\ndef test_it(): pass",
            "def test_it(): pytest.skip('no server')",
            "@pytest.fixture\ndef server(): pytest.skip('no server')\ndef test_it(server): pass",
            "@pytest.mark.xfail(reason='known')\ndef test_it(): assert False",
            "pytest.skip('not here', allow_module_level=True)",
            "pytest.importorskip('no_such_package')",
            "@pytest.mark.allowed_skip\n@pytest.mark.skip\ndef test_it(): pass",
        ],
    )
    def test_fails_when_something_was_not_run(self, pytester: pytest.Pytester, source: str) -> None:
        assert run(pytester, UnheardSkipsPlugin(), source).ret == pytest.ExitCode.TESTS_FAILED

    @pytest.mark.parametrize(
        "source",
        [
            "def test_it(): pass",
            "@pytest.mark.allowed_skip('no such wheel here')\n@pytest.mark.skip\ndef test_it(): pass",
            "@pytest.mark.allowed_skip(reason='as it is')\n@pytest.mark.xfail\ndef test_it(): assert False",
        ],
    )
    def test_passes_when_all_ran_or_may_be_skipped(self, pytester: pytest.Pytester, source: str) -> None:
        assert run(pytester, UnheardSkipsPlugin(), source).ret == pytest.ExitCode.OK

    def test_fails_as_well_when_a_worker_process_skipped(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Three processes start; without the plugins that they don't need, in a fraction of the time.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makeini(f"[pytest]\npythonpath = {Path(unheard_skips.__file__).parent}\n")
        pytester.makeconftest(
            "from unheard_skips import UnheardSkipsPlugin\n"
            "def pytest_configure(config):\n"
            "    config.pluginmanager.register(UnheardSkipsPlugin(), 'unheard-skips')\n"
        )
        pytester.makepyfile(
            test_one="import pytest\ndef test_it(): pytest.skip('no server')\ndef test_other(): pass",
            test_module="import pytest\npytest.skip('not here', allow_module_level=True)",
        )
        result = pytester.runpytest_subprocess("-p", "xdist.plugin", "-p", "no:cacheprovider", "-n", "2")
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        named = [line for line in result.outlines if line.startswith("test_") and ": " in line]
        assert [line.partition(": ")[0] for line in sorted(named)] == [
            "test_module.py",
            "test_one.py::test_it",
        ]


class TestThePageOfGuarantees:
    def test_lists_proofs_and_says_not_yet(self) -> None:
        promises = [Promise("L1", "Locking", "One wins."), Promise("H1", "Keys", "No key: 400.")]
        page = render(
            promises, {"L1": {"tests/unit/test_b.py::TestX::test_y", "tests/unit/test_a.py::test_z"}}
        )
        assert "Proved by at least one test: 1 of 2 promises." in page
        assert page.endswith(
            "## Locking\n\n**L1.** One wins.\n\n"
            "- [unit/test_a.py](../tests/unit/test_a.py)::test_z\n"
            "- [unit/test_b.py](../tests/unit/test_b.py)::TestX::test_y\n"
            "\n## Keys\n\n**H1.** No key: 400.\n\n- not yet\n"
        )

    def test_has_a_catalogue_of_every_area(self) -> None:
        promises = load_promises()
        assert {promise_id[0] for promise_id in promises} == set("LDHEPSOMWGATX")
        assert all(promise.wording.endswith(".") for promise in promises.values())
