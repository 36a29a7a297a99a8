"""The contract of ReadingViews: what is asked for comes in order, once, and to its tenant alone."""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.read_models import Page, PageKey
from application.ports.reading_views import (
    SERIES_PER_QUESTION_MAX,
    ReadingView,
    ReadingViews,
    SeriesFilter,
    TimeRange,
)
from application.ports.readings import ReadingColumns, SeriesCatalogue
from builders import a_device, after_noon
from domain.errors import Gone, InvalidInput, NotFound
from domain.retention import Deletion
from domain.telemetry.reading import SeriesKey, microseconds
from unit.contracts.binding import Store, StoreBinding

FIRST: Final = datetime(2026, 1, 31, 20, tzinfo=UTC)
"""Four hours before a month ends, so that readings reach over it; the bindings have partitions for both."""
MINUTE: Final = timedelta(minutes=1)
ALL: Final = TimeRange()
PAGES_MAX: Final = 1_000

Stored = tuple[SeriesKey, datetime, float]


def store_readings(store: Store, catalogue: SeriesCatalogue, readings: list[Stored]) -> None:
    """Register the devices that are not there, and store all of it."""
    tenant_id = store.context.tenant_id
    keys = tuple(dict.fromkeys(key for key, _, _ in readings))
    known = {
        key.device
        for key, found in zip(keys, catalogue.find(tenant_id, keys), strict=True)
        if not found.refusal
    }
    for name in sorted({key.device for key in keys} - known):
        store.save(a_device(name=name))
    catalogue.add(tenant_id, keys)
    ids = [found.series_id for found in catalogue.find(tenant_id, keys)]
    columns = ReadingColumns(
        keys,
        memoryview(array("i", [keys.index(key) for key, _, _ in readings])),
        memoryview(array("q", [microseconds(at) for _, at, _ in readings])),
        memoryview(array("d", [value for _, _, value in readings])),
        memoryview(array("i", range(len(readings)))),
    )
    with store.transaction() as uow:
        uow.readings.write(columns, [series_id or 0 for series_id in ids])


def walked(ask: Callable[[PageKey | None], Page[ReadingView]]) -> Iterator[ReadingView]:
    """All pages, each of which has something or is the only one."""
    after: PageKey | None = None
    for _ in range(PAGES_MAX):
        page = ask(after)
        assert page.items or after is None
        yield from page.items
        after = page.next
        if after is None:
            return
    raise AssertionError(f"more than {PAGES_MAX} pages")


class ReadingViewsContract(StoreBinding):
    """A binding provides `views` and `catalogue`, and partitions from January to February 2026."""

    @pytest.fixture
    def views(self) -> ReadingViews:
        raise NotImplementedError("the binding must override views")

    @pytest.fixture
    def catalogue(self) -> SeriesCatalogue:
        raise NotImplementedError("the binding must override catalogue")

    @pytest.mark.promise("A3", "W1")
    @pytest.mark.parametrize("limit", [1, 2, 7, 1_000])
    def test_come_in_the_order_of_time_each_once_whatever_is_asked_for(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue, limit: int
    ) -> None:
        """Series of very different density, times that several share, a range that begins and ends amid them."""
        dice = random.Random(limit)
        labels: list[tuple[tuple[str, str], ...]] = [
            (),
            (("host", "a"),),
            (("host", "a"), ("x", '","')),
            (("host", "ab"),),
        ]
        keys = [SeriesKey("pump", metric, label) for metric in ("rpm", "t") for label in labels]
        stored = {
            (key, FIRST + dice.randrange(480) * MINUTE): float(n)
            for n, key in enumerate(keys)
            for _ in range(1 + 3 * n)
        }
        store_readings(store, catalogue, [(*at, value) for at, value in stored.items()])
        begins, ends = sorted(FIRST + dice.randrange(480) * MINUTE for _ in range(2))
        questions = [
            (SeriesFilter(device="pump", metric=metric, labels=label), within)
            for metric in (None, "t", "none")
            for label in [*labels, (("x", "b"),)]
            for within in (
                ALL,
                TimeRange(begins=begins, ends=ends),
                TimeRange(begins=begins),
                TimeRange(ends=ends),
            )
        ]

        def asked(wanted: SeriesFilter, within: TimeRange, key: PageKey | None) -> Page[ReadingView]:
            return views.list(store.context.tenant_id, wanted, within, after=key, limit=limit)

        for wanted, within in dice.sample(questions, 12):
            found = list(walked(partial(asked, wanted, within)))
            assert [view.ts for view in found] == sorted(view.ts for view in found)
            assert {(SeriesKey.of(v.device, v.metric, v.labels.items()), v.ts): v.value for v in found} == {
                (key, at): value
                for (key, at), value in stored.items()
                if wanted.metric in (None, key.metric)
                and set(wanted.labels) <= set(key.labels)
                and (within.begins or at) <= at
                and (within.ends is None or at < within.ends)
            }
            assert len(found) == len({(view.metric, tuple(view.labels.items()), view.ts) for view in found})

    @pytest.mark.promise("A3")
    def test_are_walked_once_while_others_arrive(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        key, other = SeriesKey("pump", "t"), SeriesKey("pump", "rpm")
        before: list[Stored] = [(key, FIRST + n * MINUTE, float(n)) for n in range(0, 40, 2)]
        store_readings(store, catalogue, before)
        seen: list[ReadingView] = []
        after: PageKey | None = None
        for turn in range(PAGES_MAX):
            page = views.list(store.context.tenant_id, SeriesFilter(device="pump"), ALL, after=after, limit=3)
            seen += page.items
            after = page.next
            if after is None:
                break
            late = FIRST + (2 * turn + 1) * MINUTE
            store_readings(store, catalogue, [(key, late, -1.0), (other, late, -2.0)])
        assert [view.ts for view in seen] == sorted(view.ts for view in seen)
        assert [view.value for view in seen if view.value >= 0] == [value for _, _, value in before]
        assert len({(view.metric, view.ts) for view in seen}) == len(seen)

    @pytest.mark.promise("G7")
    def test_of_each_series_the_latest_is_found(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        keys = [SeriesKey("pump", f"m-{n // 2}", (("side", "lr"[n % 2]),)) for n in range(9)]
        store_readings(store, catalogue, [(key, FIRST, 1.0) for key in keys])
        store_readings(store, catalogue, [(key, FIRST + MINUTE, float(n)) for n, key in enumerate(keys)])
        store_readings(store, catalogue, [(key, FIRST - MINUTE, 9.0) for key in keys])
        store_readings(store, catalogue, [(SeriesKey("other", "m-0"), FIRST + 2 * MINUTE, 9.0)])
        catalogue.add(store.context.tenant_id, [SeriesKey("pump", "m-0", (("side", "none"),))])

        def asked(limit: int, **wanted: object) -> list[ReadingView]:
            question = SeriesFilter(device="pump", **wanted)  # type: ignore[arg-type]
            return list(
                walked(lambda key: views.latest(store.context.tenant_id, question, after=key, limit=limit))
            )

        for limit in (1, 2, 100):
            found = asked(limit)
            assert [view.metric for view in found] == sorted(key.metric for key in keys)
            assert {(view.metric, *view.labels.items(), view.ts, view.value) for view in found} == {
                (key.metric, *key.labels, FIRST + MINUTE, float(n)) for n, key in enumerate(keys)
            }
            assert [view.value for view in asked(limit, metric="m-4")] == [8.0]
            assert [view.value for view in asked(limit, labels=(("side", "r"),))] == [1.0, 3.0, 5.0, 7.0]

    @pytest.mark.promise("D1", "D4")
    def test_are_gone_with_their_device_and_back_with_it(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        tenant_id, wanted = store.context.tenant_id, SeriesFilter(device="pump")
        device = a_device(name="pump")
        store.save(device)
        store_readings(store, catalogue, [(SeriesKey("pump", "t"), FIRST, 1.0)])
        questions: tuple[Callable[[], Page[ReadingView]], ...] = (
            lambda: views.list(tenant_id, wanted, ALL),
            lambda: views.latest(tenant_id, wanted),
        )
        shown = [question() for question in questions]
        assert [len(page.items) for page in shown] == [1, 1]
        with store.transaction() as uow:
            stored = uow.devices.get(device.id)
            stored.delete(Deletion(new_id(), "alice", "", after_noon(5)))
            uow.devices.save(stored)
        for question in questions:
            with pytest.raises(Gone) as refusal:
                question()
            assert refusal.value.data["aggregate_id"] == str(device.id)
            assert refusal.value.data["current_version"] == 2
        namesake = a_device(name="pump")
        store.save(namesake)
        assert [question().items for question in questions] == [(), ()]
        with store.transaction() as uow:
            stored = uow.devices.get(namesake.id)
            stored.delete(Deletion(new_id(), "alice", "", after_noon(6)))
            uow.devices.save(stored)
        with store.transaction() as uow:
            stored = uow.devices.get(device.id, with_deleted=True)
            stored.undelete(at=after_noon(7))
            uow.devices.save(stored)
        assert [question() for question in questions] == shown

    @pytest.mark.promise("A1")
    def test_nobody_sees_another_tenants(
        self, store: Store, other_store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        store_readings(other_store, catalogue, [(SeriesKey("pump", "t"), FIRST, 1.0)])
        tenant_id, wanted = store.context.tenant_id, SeriesFilter(device="pump")
        for _ in range(2):
            with pytest.raises(NotFound):
                views.list(tenant_id, wanted, ALL)
            with pytest.raises(NotFound):
                views.latest(tenant_id, wanted)
        store.save(a_device(name="pump"))
        assert views.list(tenant_id, wanted, ALL).items == views.latest(tenant_id, wanted).items == ()

    def test_take_cursors_that_no_page_gave(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        store_readings(store, catalogue, [(SeriesKey("pump", "t"), FIRST, 1.0)])
        tenant_id, wanted = store.context.tenant_id, SeriesFilter(device="pump")
        for at, expected in ((datetime(1, 1, 1, tzinfo=UTC), 1), (datetime.max.replace(tzinfo=UTC), 0)):
            for number in (0, 2**128 - 1):
                key = PageKey(at, UUID(int=number))
                assert len(views.list(tenant_id, wanted, ALL, after=key).items) == expected
        assert views.latest(tenant_id, wanted, after=PageKey(FIRST, UUID(int=2**128 - 1))).items == ()
        assert views.list(tenant_id, wanted, ALL, limit=0) == views.latest(tenant_id, wanted, limit=0)

    @pytest.mark.promise("A6")
    def test_of_too_many_series_at_once_are_refused(
        self, store: Store, views: ReadingViews, catalogue: SeriesCatalogue
    ) -> None:
        store.save(a_device(name="pump"))
        many = [SeriesKey("pump", f"m-{n % 2}", (("n", str(n)),)) for n in range(SERIES_PER_QUESTION_MAX + 1)]
        catalogue.add(store.context.tenant_id, many)
        with pytest.raises(InvalidInput) as refusal:
            views.list(store.context.tenant_id, SeriesFilter(device="pump"), ALL)
        assert refusal.value.data["field"] == "metric"
        narrower = SeriesFilter(device="pump", metric="m-0")
        assert views.list(store.context.tenant_id, narrower, ALL).items == ()

    @pytest.mark.promise("A6")
    def test_look_for_labels_among_a_bounded_number_of_series(
        self,
        store: Store,
        views: ReadingViews,
        catalogue: SeriesCatalogue,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sys.modules[type(views).__module__], "SERIES_LOOKED_AT_MAX", 4)
        tenant_id, label = store.context.tenant_id, ("n", "1")
        key = SeriesKey("pump", "m-0", (label,))
        others = [SeriesKey("pump", f"m-{n}", (("n", str(n)),)) for n in range(4)]
        store_readings(store, catalogue, [(key, FIRST, 1.0)])
        catalogue.add(tenant_id, others)
        wide = SeriesFilter(device="pump", labels=(label,))
        questions: tuple[Callable[[], object], ...] = (
            lambda: views.list(tenant_id, wide, ALL),
            lambda: views.latest(tenant_id, wide),
        )
        for question in questions:
            with pytest.raises(InvalidInput):
                question()
        narrow = SeriesFilter(device="pump", metric="m-0", labels=(label,))
        assert [view.value for view in views.list(tenant_id, narrow, ALL).items] == [1.0]
        assert [view.value for view in views.latest(tenant_id, narrow).items] == [1.0]
