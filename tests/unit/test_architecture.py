"""The import contracts hold for the real tree, and each of them bites when a violation is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SRC = ROOT / "src"
CONFIGURATION = ROOT / "pyproject.toml"
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"

_SETTINGS = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = [contract["id"] for contract in _SETTINGS["contracts"]]

# Contract, the module that breaks it, what that imports. Modules that don't exist yet are made in the copy.
PLANTS = [
    ("layers", "domain.orders.planted", "application.ports.planted"),
    ("layers", "application.planted", "adapters.memory.planted"),
    ("layers", "adapters.memory.planted", "entrypoints.settings"),
    ("domain-is-pure", "domain.planted", "django"),
    ("domain-is-pure", "domain.orders.planted", "msgspec"),
    ("domain-is-pure", "domain.planted", "application.planted"),
    ("application-knows-the-domain-alone", "application.orders.planted", "rest_framework"),
    ("application-knows-the-domain-alone", "application.planted", "adapters.memory.planted"),
    ("ports-know-no-use-case", "application.ports.planted", "application.orders.planted"),
    ("ports-know-no-use-case", "application.ports.planted", "application.added_later"),
    ("adapters-call-no-use-case", "adapters.memory.planted", "application.orders.planted"),
    ("adapters-call-no-use-case", "adapters.planted", "application.added_later"),
    ("adapters-are-siblings", "adapters.memory.planted", "adapters.django_orm.planted"),
    ("adapters-are-siblings", "adapters.embedded.planted", "adapters.planted"),
    ("adapters-are-siblings", "adapters.row_mapping.planted", "adapters.django_orm.planted"),
    ("the-audit-shares-nothing", "adapters.audit.planted", "domain.orders.planted"),
    ("the-audit-shares-nothing", "adapters.audit.planted", "adapters.row_mapping.planted"),
    ("only-the-container-meets-adapters", "entrypoints.rest_api.planted", "adapters.django_orm.planted"),
    ("only-the-container-meets-adapters", "entrypoints.cli.planted", "adapters.embedded.planted"),
    ("only-the-container-meets-adapters", "entrypoints.cli.stack", "adapters.django_orm.planted"),
    ("only-the-container-meets-adapters", "entrypoints.cli.running", "adapters.django_orm.planted"),
    ("only-the-container-meets-adapters", "entrypoints.cli.sandbox_gateway", "adapters.memory.planted"),
    ("no-entrypoint-meets-a-model", "entrypoints.rest_api.planted", "adapters.django_orm.models.planted"),
    ("no-entrypoint-meets-a-model", "entrypoints.ports", "adapters.django_orm.models.planted"),
    ("entrypoints-are-siblings", "entrypoints.cli.planted", "entrypoints.rest_api.planted"),
    ("entrypoints-are-siblings", "entrypoints.rest_api.planted", "entrypoints.django_site.planted"),
    ("entrypoints-are-siblings", "entrypoints.added_later.planted", "entrypoints.cli.planted"),
]

# What the rules leave open on purpose; a contract that broke here would be stricter than the design.
ALLOWED = [
    ("adapters.memory.planted", "adapters.row_mapping.planted"),
    ("adapters.memory.planted", "application.ports.planted"),
    ("entrypoints.ports", "adapters.memory.planted"),
    ("entrypoints.cli.stack", "adapters.embedded.planted"),
    ("entrypoints.cli.running", "adapters.embedded.planted"),
    ("entrypoints.cli.sandbox_gateway", "adapters.sandbox_gateway.planted"),
    ("entrypoints.rest_api.planted", "entrypoints.container"),
    ("entrypoints.django_site.urls", "entrypoints.rest_api.urls"),
    ("entrypoints.rest_api.planted", "application.orders.planted"),
]


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the linter on the packages under `tree`, in a process that finds no other copy of them first."""
    return subprocess.run(
        [LINT_IMPORTS, "--config", CONFIGURATION, "--no-cache", "--no-logo", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def plant(tree: Path, importer: str, imported: str) -> None:
    """Add `import imported` to the module `importer`; make what is ours and missing."""
    for module in (importer, imported):
        if module.partition(".")[0] in _SETTINGS["root_packages"]:
            _make_module(tree, module)
    path = tree / importer.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with file.open("a", encoding="utf-8") as source:
        source.write(f"\nimport {imported}\n")


def _make_module(tree: Path, module: str) -> None:
    *packages, name = module.split(".")
    folder = tree
    for package in packages:
        folder /= package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    if not (folder / name).is_dir():
        (folder / f"{name}.py").touch()


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """A copy of src that a test may spoil."""
    tree = tmp_path / "src"
    shutil.copytree(SRC, tree, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    _make_module(tree, "application.ports.planted")
    return tree


class TestTheRealTree:
    def test_keeps_every_contract(self) -> None:
        result = lint(SRC)
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"{len(CONTRACTS)} kept, 0 broken" in result.stdout

    def test_has_no_contract_without_a_planted_violation(self) -> None:
        assert len(CONTRACTS) == len(set(CONTRACTS))
        assert {contract for contract, _, _ in PLANTS} == set(CONTRACTS)


class TestAPlantedImport:
    @pytest.mark.parametrize("contract", CONTRACTS)
    def test_breaks_its_contract(self, copied_tree: Path, contract: str) -> None:
        planted = [(importer, imported) for broken, importer, imported in PLANTS if broken == contract]
        for importer, imported in planted:
            plant(copied_tree, importer, imported)
        result = lint(copied_tree, "--contract", contract)
        assert result.returncode == 1, result.stdout + result.stderr
        assert "0 kept, 1 broken" in result.stdout
        report = " ".join(result.stdout.split())
        assert [pair for pair in planted if " -> ".join(pair) not in report] == []

    def test_breaks_nothing_where_the_design_allows_it(self, copied_tree: Path) -> None:
        for importer, imported in ALLOWED:
            plant(copied_tree, importer, imported)
        result = lint(copied_tree)
        assert result.returncode == 0, result.stdout + result.stderr
