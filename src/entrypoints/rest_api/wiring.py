"""The container that this process's views take their use cases from."""

from __future__ import annotations

from entrypoints.container import Container

_container = Container()


def container() -> Container:
    """The container in use."""
    return _container


def use(other: Container) -> Container:
    """Take everything from `other` from now on; gives the one that was in use. For tests."""
    global _container
    before, _container = _container, other
    return before
