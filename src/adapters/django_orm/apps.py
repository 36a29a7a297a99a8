"""The Django app of the store."""

from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Tables, migrations and adapters of everything that Holdwater keeps."""

    name = "adapters.django_orm"
    label = "store"
