"""What holds for every test: hypothesis profiles, the promise marks, and no unheard skip."""

from __future__ import annotations

import os

import hypothesis
import pytest

from promises import PromisePlugin
from unheard_skips import UnheardSkipsPlugin

IS_GUARDED_RUN = bool(os.environ.get("CI"))

# No deadline: an example's time says more about the machine than about the code.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if IS_GUARDED_RUN else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugins; the skip rule binds only a guarded run (`CI` set)."""
    config.pluginmanager.register(PromisePlugin(), "promises")
    if IS_GUARDED_RUN:
        config.pluginmanager.register(UnheardSkipsPlugin(), "unheard-skips")
