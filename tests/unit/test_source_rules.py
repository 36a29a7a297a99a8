"""Rules on the sources that a list of import names can't state; each is shown to bite on an example."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SRC = ROOT / "src"
LINES_MAX = 400
VAGUE_NAMES = {"base", "common", "helper", "helpers", "misc", "services", "util", "utils"}

# What the domain may not reach for: time, chance and surroundings come in as arguments.
IMPURE_MODULES = {"os", "random", "secrets", "socket", "subprocess", "time"}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom", "getenv"}

ENVIRONMENT_READERS = ("entrypoints/settings.py", "adapters/embedded/")

Rule = Callable[[ast.Module], Iterator[str]]


def python_files(*folders: str) -> list[Path]:
    """The Python files of the folders of the repository that exist."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def faults_of(rule: Rule, files: list[Path]) -> list[str]:
    """What a rule says about each file, with the file's name."""
    return [
        f"{file.relative_to(ROOT)}: {fault}"
        for file in files
        for fault in rule(ast.parse(file.read_text(encoding="utf-8")))
    ]


def imports_beyond(*own: str) -> Rule:
    """The rule that a module imports the standard library and the packages `own` alone."""
    allowed = sys.stdlib_module_names | set(own)

    def rule(tree: ast.Module) -> Iterator[str]:
        for name in _imported(tree):
            if name.partition(".")[0] not in allowed:
                yield f"imports {name}"

    return rule


def impurities(tree: ast.Module) -> Iterator[str]:
    """Reaching for a clock, for chance or for the surroundings."""
    for name in _imported(tree):
        if name.partition(".")[0] in IMPURE_MODULES:
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in IMPURE_CALLS:
                yield f"line {node.lineno} calls {name}()"


def environment_reads(tree: ast.Module) -> Iterator[str]:
    """Use of the environment, but for telling Django the module of its settings."""
    told = {id(_object_told_of_settings(node)) for node in ast.walk(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"}:
            if id(node) not in told and isinstance(node.value, ast.Name) and node.value.id == "os":
                yield f"line {node.lineno} reads os.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (
                f"line {node.lineno} imports os.{alias.name}"
                for alias in node.names
                if alias.name in {"environ", "environb", "getenv", "getenvb"}
            )


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def _object_told_of_settings(node: ast.AST) -> ast.expr | None:
    """The `os.environ` of `os.environ.setdefault("DJANGO_SETTINGS_MODULE", …)`; None for any other node."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=owner, attr="setdefault"),
            args=[ast.Constant(value="DJANGO_SETTINGS_MODULE"), *_],
        ):
            return owner
    return None


class TestTheSources:
    def test_have_a_domain_of_the_standard_library_alone(self) -> None:
        assert faults_of(imports_beyond("domain"), python_files("src/domain")) == []

    def test_have_an_application_that_knows_only_the_domain(self) -> None:
        assert faults_of(imports_beyond("domain", "application"), python_files("src/application")) == []

    def test_have_a_domain_without_clock_chance_or_environment(self) -> None:
        assert faults_of(impurities, python_files("src/domain")) == []

    def test_read_the_environment_in_the_settings_alone(self) -> None:
        files = [
            file
            for file in python_files("src")
            if not file.relative_to(SRC).as_posix().startswith(ENVIRONMENT_READERS)
        ]
        assert faults_of(environment_reads, files) == []

    def test_have_files_named_after_what_they_do(self) -> None:
        vague = [file for file in SRC.rglob("*") if file.stem in VAGUE_NAMES]
        assert vague == []

    def test_have_files_that_can_be_read_in_one_sitting(self) -> None:
        lengths = {
            str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
            for file in python_files("src", "tests", "bench", "demo", ".ci")
            if "migrations" not in file.parts
        }
        assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}

    def test_pin_packages_without_naming_where_to_load_them(self) -> None:
        for name in ("requirements.lock", "pyproject.toml", "Makefile", ".ci/setup.sh"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert "://" not in text, name
            assert "index-url" not in text, name


class TestTheDocuments:
    @pytest.mark.parametrize(
        "document", ["README.md", *(f"docs/{name}" for name in ("guarantees.md", "limits.md", "patterns.md"))]
    )
    def test_link_to_files_that_exist(self, document: str) -> None:
        file = ROOT / document
        targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text())
        assert [target for target in targets if not (file.parent / target).exists()] == []


class TestARule:
    @pytest.mark.parametrize(
        ("rule", "source"),
        [
            (imports_beyond("domain"), "import django"),
            (imports_beyond("domain"), "from sqlalchemy.orm import Session"),
            (imports_beyond("domain"), "def late():\n    import application.ports"),
            (imports_beyond("domain", "application"), "from adapters import memory"),
            (impurities, "import random"),
            (impurities, "from time import monotonic"),
            (impurities, "from datetime import datetime\nat = datetime.now()"),
            (impurities, "import datetime as dt\nat = dt.datetime.utcnow()"),
            (impurities, "from datetime import date\nday = date.today()"),
            (impurities, "from uuid import uuid4\nid = uuid4()"),
            (impurities, "import uuid\nid = uuid.uuid4()"),
            (environment_reads, "import os\nurl = os.environ['DATABASE_URL']"),
            (environment_reads, "import os\nurl = os.getenv('DATABASE_URL')"),
            (environment_reads, "from os import environ"),
            (environment_reads, "import os\nos.environ.setdefault('DATABASE_URL', '')"),
        ],
    )
    def test_finds_a_planted_fault(self, rule: Rule, source: str) -> None:
        assert len(list(rule(ast.parse(source)))) == 1

    @pytest.mark.parametrize(
        ("rule", "source"),
        [
            (imports_beyond("domain"), "import json\nfrom domain.money import Money"),
            (impurities, "from datetime import datetime\nat = datetime.fromisoformat('2026-01-01')"),
            (impurities, "from uuid import UUID\nid = UUID(int=1)"),
            (environment_reads, "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site')"),
            (environment_reads, "import os\nprocess = os.getpid()"),
        ],
    )
    def test_leaves_sound_code_alone(self, rule: Rule, source: str) -> None:
        assert list(rule(ast.parse(source))) == []
