"""The tables as Django sees them: schema alone, but for the QuerySets and Managers of soft deletion."""

from __future__ import annotations

from adapters.django_orm.models.access import AccessToken, Tenant
from adapters.django_orm.models.devices import Device, Series, TelemetrySetting
from adapters.django_orm.models.events import StoredEvent
from adapters.django_orm.models.idempotency import IdempotencyRecord
from adapters.django_orm.models.intakes import Intake, IntakeBody
from adapters.django_orm.models.inventory import Product, StockItem, StockReservation
from adapters.django_orm.models.orders import Order, OrderLine
from adapters.django_orm.models.outbox import Message
from adapters.django_orm.models.readings import DirtyMark, LatestReading, RejectedReading, SensorReading
from adapters.django_orm.models.sagas import LateReply, Payment, RefundPayment, Saga, StrayReply
from adapters.django_orm.models.upkeep import RoleProcess, Schedule

__all__ = [
    "AccessToken",
    "Device",
    "DirtyMark",
    "IdempotencyRecord",
    "Intake",
    "IntakeBody",
    "LateReply",
    "LatestReading",
    "Message",
    "Order",
    "OrderLine",
    "Payment",
    "Product",
    "RefundPayment",
    "RejectedReading",
    "RoleProcess",
    "Saga",
    "Schedule",
    "SensorReading",
    "Series",
    "StockItem",
    "StockReservation",
    "StoredEvent",
    "StrayReply",
    "TelemetrySetting",
    "Tenant",
]
