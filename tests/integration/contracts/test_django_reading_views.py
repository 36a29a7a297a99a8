"""The contracts of reading readings and rejects, bound to the Django adapters on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.django_orm.purge import DjangoPurge
from adapters.django_orm.reading_views import DjangoReadingViews
from adapters.django_orm.reject_views import DjangoRejectViews
from adapters.django_orm.series_catalogue import DjangoSeriesCatalogue
from application.ports.purge import OpenPurge
from application.ports.reading_views import ReadingViews
from application.ports.readings import SeriesCatalogue
from application.ports.reject_views import RejectViews
from integration.contracts.test_django_adapters import DjangoBinding, as_owner, make_partitions
from unit.contracts.reading_views_contract import ReadingViewsContract
from unit.contracts.reject_views_contract import RejectViewsContract


class TestReadingViews(DjangoBinding, ReadingViewsContract):
    @pytest.fixture(autouse=True)
    def partitions(self, database_urls: object) -> None:
        make_partitions()

    @pytest.fixture
    def views(self, database_urls: object) -> ReadingViews:
        return DjangoReadingViews()

    @pytest.fixture
    def catalogue(self, database_urls: object) -> SeriesCatalogue:
        return DjangoSeriesCatalogue()


class TestRejectViews(DjangoBinding, RejectViewsContract):
    @pytest.fixture
    def reject_views(self, database_urls: object) -> RejectViews:
        return DjangoRejectViews()

    @pytest.fixture
    def open_purge(self, database_urls: object) -> OpenPurge:
        return DjangoPurge

    @pytest.fixture
    def pass_time(self) -> Callable[[UUID, timedelta], None]:
        return lambda tenant_id, delta: as_owner(
            "UPDATE rejected_reading SET created_at = created_at - %(by)s WHERE tenant_id = %(of)s",
            by=delta,
            of=tenant_id,
        )
