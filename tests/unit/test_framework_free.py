"""The core and its in-memory adapters need no framework: importing all of them loads none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent.parent / "src"

OWN = {"adapters", "application", "domain"}
CODEC = {"msgspec", "typing_extensions"}

PROGRAM = """
import importlib, pkgutil, sys
for name in ("domain", "application", "adapters.memory", "adapters.row_mapping"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


class TestTheCoreInMemory:
    def test_loads_nothing_but_its_own_packages_and_the_codec(self) -> None:
        # -S keeps the start-up files of installed packages from importing anything first.
        run = subprocess.run(
            [sys.executable, "-S", "-c", PROGRAM],
            env={"PYTHONPATH": os.pathsep.join([str(SRC), *_site_packages()])},
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
        )
        assert set(run.stdout.split()) - {"__main__"} == OWN | CODEC


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]
