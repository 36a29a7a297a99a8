"""Nothing shows a deleted row by default: every model, manager, look-up, list and address is walked with
deleted rows present, and whatever is new fails here until it says how it treats them (D1)."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from adapters.django_orm.models.abstract import SoftDeleteManager, SoftDeleteModel
from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.access.access_desk import IssueToken
from application.ports.read_models import DeletedItems, DeviceFilter, OrderFilter, ReadModels
from application.ports.repositories import (
    DeviceRepository,
    OrderRepository,
    ProductRepository,
    StockItemRepository,
)
from application.ports.unit_of_work import UnitOfWork
from builders import a_context, a_device, a_product, after_noon, an_order, stock_of
from domain.errors import Gone
from domain.inventory.product import Product
from domain.orders.order import Order
from domain.retention import Deletion
from domain.telemetry.device import Device
from entrypoints.container import Container
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.operations import OPERATIONS
from entrypoints.rest_api import wiring
from entrypoints.settings import Settings
from integration.rest_api.checked_client import CheckedClient

pytestmark = pytest.mark.promise("D1")

EXEMPT = {
    "Tenant": "a tenant is closed, not deleted",
    "AccessToken": "a token is revoked, and stays listed as such",
    "StoredEvent": "the log is never changed; deletions are events in it",
    "IdempotencyRecord": "expires by itself, and names no row",
    "Message": "is settled, and removed when that was long ago; what it says stands in the log",
    "Payment": "money that was moved stays on the books, whatever becomes of the order",
    "RefundPayment": "money that was, or is to be, given back stays on the books too",
    "Saga": "what was done for an order, and is not undone by hiding the order",
    "LateReply": "what a gateway has said; never removed",
    "StrayReply": "the same about no saga that is known; no tenant's data",
    "Schedule": "when the service does its own work; no tenant's data",
    "RoleProcess": "which processes live; no tenant's data",
    "Series": "hidden with its device, through which alone it is found; readings that are kept need it",
    "TelemetrySetting": "what a tenant has settled, and two counters",
    "SensorReading": "what was measured; dropped by the month when its retention ends",
    "DirtyMark": "work for the rollups; removed by whoever does it",
    "LatestReading": "follows the readings",
    "RejectedReading": "what was sent and not stored; removed when it is old",
    "Intake": "what became of a batch of readings; it is in the log, and small",
    "IntakeBody": "goes when its batch has been loaded or refused",
    "StockReservation": "goes with its release or sale; stock that is reserved can't be deleted",
}
"""Models without the policy, each with the reason."""

HISTORY = {"order_events", "listOrderEvents", "readOrderSaga", "readSaga"}
"""Asks for the past of one order by its id, which its deletion is a part of (docs/decisions/0008)."""
ON_THE_BOOKS = {"payment", "order_payments", "listOrderPayments", "readPayment"}
"""Tells of money that was moved, whatever became of the order."""
ON_ITS_WAY = {"intake", "readIntake"}
"""Tells what became of a batch that was sent; there is nothing to delete."""


class Things(NamedTuple):
    """One of each kind, all deleted."""

    product: Product
    order: Order
    device: Device


LOOK_UPS: dict[type, dict[str, Callable[[UnitOfWork, Things], object]]] = {
    OrderRepository: {"get": lambda uow, gone: uow.orders.get(gone.order.id)},
    ProductRepository: {
        "get": lambda uow, gone: uow.products.get(gone.product.sku),
        "ids_by_sku": lambda uow, gone: uow.products.ids_by_sku([gone.product.sku]),
    },
    StockItemRepository: {
        "get_for_update": lambda uow, gone: uow.stock_items.get_for_update(gone.product.sku),
        "get_all_for_update": lambda uow, gone: uow.stock_items.get_all_for_update(
            [gone.product.id], order_id=gone.order.id
        ),
    },
    DeviceRepository: {"get": lambda uow, gone: uow.devices.get(gone.device.id)},
}
BY_NAME = {"latest_deleted", "get_with_deleted"}
"""Say in their names that they give what is deleted."""

QUESTIONS: dict[str, Callable[[ReadModels, Things], object]] = {
    "order": lambda views, gone: views.order(gone.order.id),
    "orders": lambda views, gone: views.orders(OrderFilter()),
    "product": lambda views, gone: views.product(gone.product.sku),
    "products": lambda views, gone: views.products(),
    "stock": lambda views, gone: views.stock(gone.product.sku),
    "device": lambda views, gone: views.device(gone.device.id),
    "devices": lambda views, gone: views.devices(DeviceFilter()),
    "message_lag": lambda views, gone: views.message_lag(),
}


def undecided(found: list[type[models.Model]]) -> list[str]:
    """The models that neither follow the policy nor are named with a reason why not."""
    return [
        model.__name__
        for model in found
        if model.__name__ not in EXEMPT
        and not (
            issubclass(model, SoftDeleteModel)
            and type(model._default_manager) is SoftDeleteManager
            and type(model._base_manager) is SoftDeleteManager
            and all(type(manager) is SoftDeleteManager for manager in model._meta.managers)
        )
    ]


def public_methods(protocol: type) -> set[str]:
    """What can be asked of a port."""
    return {name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if name[0] != "_"}


def shown(question: Callable[[], object]) -> str:
    """Everything that an answer says; nothing if it is that the thing is gone."""
    try:
        return msgspec.json.encode(question()).decode()
    except Gone:
        return ""


SOFT_MODELS = [model for model in apps.get_app_config("store").get_models() if model.__name__ not in EXEMPT]


@pytest.fixture
def product(tenant_id: UUID) -> Product:
    """A deleted product with deleted stock."""
    product, deletion = a_product(), Deletion(new_id(), "alice", "", after_noon(5))
    item = stock_of(product, on_hand=3)
    item.delete(deletion)
    product.delete(deletion)
    with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
        uow.products.save(product)
        uow.stock_items.save(item)
    return product


@pytest.fixture
def order(tenant_id: UUID, product: Product) -> Order:
    """A deleted order of it."""
    order = an_order().with_line(product).cancelled()
    context = a_context(tenant_id=tenant_id)
    with DjangoUnitOfWork(context) as uow:
        uow.orders.save(order)
    order.delete(Deletion(new_id(), "alice", "", after_noon(5)))
    with DjangoUnitOfWork(context) as uow:
        uow.orders.save(order)
    return order


@pytest.fixture
def device(tenant_id: UUID) -> Device:
    """A deleted device."""
    device = a_device()
    device.delete(Deletion(new_id(), "alice", "", after_noon(5)))
    with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
        uow.devices.save(device)
    return device


@pytest.fixture
def gone(product: Product, order: Order, device: Device) -> Things:
    """All of them."""
    return Things(product, order, device)


class TestEveryModel:
    def test_follows_the_policy_or_says_why_not(self) -> None:
        found = list(apps.get_app_config("store").get_models())
        assert undecided(found) == []
        assert EXEMPT.keys() <= {model.__name__ for model in found}

    @isolate_apps("adapters.django_orm")
    def test_that_is_new_fails_until_it_decides(self) -> None:
        class Parcel(models.Model):
            class Meta:
                app_label = "store"

        class Crate(SoftDeleteModel):
            everything: models.Manager = models.Manager()

            class Meta(SoftDeleteModel.Meta):
                app_label = "store"

        class Box(SoftDeleteModel):
            class Meta(SoftDeleteModel.Meta):
                app_label = "store"

        assert undecided([Parcel, Crate, Box]) == ["Parcel", "Crate"]

    def test_has_no_relation_that_a_join_could_follow_around_the_managers(self) -> None:
        for model in apps.get_app_config("store").get_models():
            assert [field.name for field in model._meta.get_fields() if field.is_relation] == []

    @pytest.mark.parametrize("model", SOFT_MODELS, ids=lambda model: model.__name__)
    def test_counts_and_finds_live_rows_alone(self, model: type[Any], tenant_id: UUID, gone: Things) -> None:
        for manager in (model._default_manager, model._base_manager):
            rows = manager.using("system").filter(tenant_id=tenant_id)
            assert (rows.count(), rows.exists(), list(rows), rows.first()) == (0, False, [], None)
            assert rows.aggregate(n=models.Count("*")) == {"n": 0}
        for by_name in (model.objects.all_with_deleted(), model.objects.only_deleted()):
            assert by_name.using("system").filter(tenant_id=tenant_id).count() == 1


class TestEveryLookUp:
    @pytest.mark.parametrize("port", LOOK_UPS, ids=lambda port: port.__name__)
    def test_of_a_repository_is_walked(self, port: type) -> None:
        assert public_methods(port) - BY_NAME - {"save", "expect"} == LOOK_UPS[port].keys()

    @pytest.mark.parametrize(
        "look_up",
        [look_up for found in LOOK_UPS.values() for look_up in found.values()],
        ids=[f"{port.__name__}.{name}" for port, found in LOOK_UPS.items() for name in found],
    )
    def test_finds_nothing(
        self,
        look_up: Callable[[UnitOfWork, Things], object],
        tenant_id: UUID,
        gone: Things,
    ) -> None:
        with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
            assert shown(lambda: look_up(uow, gone)) in {"", "{}"}


class TestEveryReadModel:
    def test_is_walked(self) -> None:
        assert public_methods(ReadModels) - HISTORY - ON_THE_BOOKS - ON_ITS_WAY == QUESTIONS.keys()

    @pytest.mark.parametrize("name", QUESTIONS)
    def test_shows_nothing(self, name: str, tenant_id: UUID, gone: Things) -> None:
        with DjangoReadModels(tenant_id) as views:
            answer = shown(lambda: QUESTIONS[name](views, gone))
            assert not [thing for thing in gone if str(thing.id) in answer]
            assert views.orders(OrderFilter(deleted=DeletedItems.ONLY)).items[0].id == gone.order.id


class TestEveryAddress:
    @pytest.fixture
    def api(self, tenant_id: UUID) -> Iterator[CheckedClient]:
        """A client of the tenant, over PostgreSQL."""
        container = Container()
        container.settings.override(Settings(persistence="django"))
        before = wiring.use(container)
        token = container.access_desk().issue(
            IssueToken(tenant=f"tenant-{tenant_id.hex}", owner="alice", scopes=("all",))
        )
        application = importlib.import_module("entrypoints.django_site.wsgi").application
        yield CheckedClient(application, token.secret)
        wiring.use(before)

    @pytest.mark.parametrize(
        "operation",
        [
            one
            for one in OPERATIONS
            if not one.is_change and one.id not in HISTORY | ON_THE_BOOKS | ON_ITS_WAY
        ],
        ids=lambda operation: operation.id,
    )
    def test_shows_nothing_to_who_does_not_ask(
        self, api: CheckedClient, operation: Operation, gone: Things
    ) -> None:
        product, order, device = gone
        path = operation.path.format(
            sku=product.sku, order_id=order.id, customer_ref=order.customer_ref, device_id=device.id
        )
        if any(one.is_required for one in operation.query):
            path += f"?device={device.name}"
        answer = api.get(path)
        if operation.is_list and Gone not in operation.own_refusals:
            assert answer.json == {"items": [], "next": None}
        else:
            assert (answer.status, answer.code) == (410, "gone")
            assert answer.headers["ETag"] in {f'"{product.id}-2"', f'"{order.id}-3"', f'"{device.id}-2"'}
