"""Brings Django and the container up inside a command."""

from __future__ import annotations

from collections.abc import Mapping

import django

from entrypoints.container import Container
from entrypoints.settings import adopt

_SETTINGS_MODULE = "entrypoints.django_site.settings"


def wired(environment: Mapping[str, str]) -> Container:
    """The container, over the services that `environment` names. Once in a process, before Django is used."""
    adopt({**environment, "DJANGO_SETTINGS_MODULE": _SETTINGS_MODULE})
    django.setup()
    return Container()
