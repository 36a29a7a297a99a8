"""Sub-commands whose modules are imported when they are called, so that none waits for what others need."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class SubCommand:
    """A name, the function or Typer group behind it as `module:attribute`, and how its help begins, for the list."""

    name: str
    place: str
    summary: str

    def load(self) -> Any:
        """Import its module; the command, ready to be invoked."""
        module, _, attribute = self.place.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return typer.main.get_command(alone)


def lazy_group(sub_commands: tuple[SubCommand, ...]) -> type[TyperGroup]:
    """A group that lists the sub-commands by their summaries and loads the one that is called."""
    by_name = {sub_command.name: sub_command for sub_command in sub_commands}

    class LazyGroup(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            return name, by_name[name].load() if name in by_name else command, rest

    return LazyGroup


def stand_in() -> None:
    """Stands for a sub-command in the list; `lazy_group` puts the real one in its place before it is called."""
