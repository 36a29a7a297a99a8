"""The README's first session, run as it stands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from integration.cli.conftest import COMMAND_TIMEOUT_S, Stack

README: Final = Path(__file__).parents[3] / "README.md"
PORT_OF_THE_README: Final = "API=http://localhost:8000\n"
STEPS_MIN: Final = 12
END: Final = "=== the step ends here ==="

_SESSION: Final = re.compile(r"## A first session\n.*?```sh\n(API=.*?)```", re.DOTALL)
_ANSWER: Final = re.compile(
    r"^#> (?P<status>[0-9]{3})(?: (?P<name>[\w-]+): (?P<value>\S+))? ?(?P<fields>\{.*\})?$", re.MULTILINE
)


def answer_of(printed: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of what `curl -i` printed."""
    head, _, body = printed.replace("\r", "").strip().partition("\n\n")
    status, *headers = head.splitlines()
    named = dict(line.lower().split(": ", 1) for line in headers)
    return int(status.split()[1]), named, json.loads(body or "{}")


@pytest.mark.timeout(200)
@pytest.mark.promise("H2", "H3", "L1", "L3", "E5", "D5", "D6")
def test_every_command_is_answered_as_the_readme_says(stack: Stack, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None, "install bash"
    found = _SESSION.search(README.read_text())
    assert found is not None
    session = found[1]
    assert session.startswith(PORT_OF_THE_README)
    promised = list(_ANSWER.finditer(session))
    assert len(promised) == session.count("#>") >= STEPS_MIN

    script = session.replace(PORT_OF_THE_README, f"API={stack.url}\n")
    ended = subprocess.run(
        [bash, "-euo", "pipefail", "-c", _ANSWER.sub(f"echo '{END}'", script)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "T": stack.token},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    *printed, rest = ended.stdout.split(END)
    assert rest.strip() == ""
    for words, output in zip(promised, printed, strict=True):
        status, headers, body = answer_of(output)
        fields = json.loads(words["fields"] or "{}")
        assert status == int(words["status"]), output
        assert {name: body.get(name) for name in fields} == fields
        if words["name"]:
            assert headers[words["name"].lower()] == words["value"]
        else:
            assert "idempotent-replayed" not in headers
