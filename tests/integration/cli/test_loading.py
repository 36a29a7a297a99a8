"""What is imported for a command: its own modules, and not the frameworks that others need."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.cli.lazy import SubCommand
from entrypoints.cli.main import SUB_COMMANDS
from integration.cli.conftest import holdwater

HEAVY = (
    "django", "dependency_injector", "granian", "msgspec", "numpy", "pyarrow", "redis", "rest_framework", "urllib3",
)  # fmt: skip
SHOW_IMPORTS = """
import sys
from entrypoints.cli.main import app
app(standalone_mode=False)
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("args", [("--help",), ("ingest", "--help"), ("down",)], ids=" ".join)
def test_what_needs_no_framework_imports_none(args: tuple[str, ...], tmp_path: Path) -> None:
    ended = holdwater(*args, env={"HOLDWATER_STATE_DIR": str(tmp_path / "var")}, program=SHOW_IMPORTS)
    imported = ended.stderr.split()
    assert "typer" in imported, ended.stderr
    assert [name for name in HEAVY if name in imported] == []


@pytest.mark.parametrize("sub_command", SUB_COMMANDS, ids=lambda sub_command: sub_command.name)
def test_the_list_says_of_each_command_what_its_own_help_says(sub_command: SubCommand) -> None:
    command = sub_command.load()
    assert command.name == sub_command.name
    assert command.help.startswith(sub_command.summary.removesuffix("."))
