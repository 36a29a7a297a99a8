"""The use cases that an entrypoint may ask for, over the adapters of ports.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dependency_injector import providers

from application.access.access_desk import AccessDesk
from application.access.authenticate import AuthenticateHandler
from application.delivery.consumer import Consumer
from application.delivery.drain_key import DrainKeyHandler
from application.delivery.handle_wake import HandleWakeHandler
from application.delivery.purge_deleted import PurgeDeletedHandler
from application.delivery.relay import RelayHandler
from application.inventory.adjust_stock import AdjustStockHandler
from application.inventory.create_product import CreateProductHandler
from application.inventory.delete_product import DeleteProductHandler
from application.inventory.receive_stock import ReceiveStockHandler
from application.inventory.rename_product import RenameProductHandler
from application.inventory.restore_product import RestoreProductHandler
from application.orders.acknowledge_order import AcknowledgeOrder
from application.orders.amend_order import AmendOrderHandler
from application.orders.cancel_order import CancelOrderHandler
from application.orders.delete_order import DeleteOrderHandler
from application.orders.deliver_order import DeliverOrderHandler
from application.orders.fulfil_order import FulfilOrder
from application.orders.order_at_time import OrderAtTimeHandler
from application.orders.order_at_version import OrderAtVersionHandler
from application.orders.place_order import PlaceOrderHandler
from application.orders.restore_order import RestoreOrderHandler
from application.orders.return_order_lines import ReturnOrderLinesHandler
from application.orders.ship_order import ShipOrderHandler
from application.payments.hear_callback import HearCallbackHandler
from application.payments.pay_again import PayAgainHandler
from application.payments.refund_payment import CarryOutRefund, RefundPaymentHandler
from application.ports.clock import NewId
from application.ports.intakes import LOAD_INTAKE
from application.ports.notifier import Notifier
from application.ports.payment_gateway import PaymentGateway
from application.ports.unit_of_work import OpenUnitOfWork
from application.sagas.advance_saga import AdvanceSagaHandler
from application.sagas.repair_saga import RepairSagaHandler
from application.sagas.steps import SagaSteps
from application.telemetry.delete_device import DeleteDeviceHandler
from application.telemetry.describe_device import DescribeDeviceHandler
from application.telemetry.drop_partitions import DropPartitionsHandler
from application.telemetry.ensure_partitions import EnsurePartitionsHandler
from application.telemetry.ingest_readings import IngestReadingsHandler
from application.telemetry.load_intake import LoadIntake
from application.telemetry.receive_readings import ReceiveReadingsHandler
from application.telemetry.register_device import RegisterDeviceHandler
from application.telemetry.replay_reject import ReplayRejectHandler
from application.telemetry.resolve_series import ResolveSeries
from application.telemetry.restore_device import RestoreDeviceHandler
from domain.orders.fulfilment import FREE_ORDER_FULFILMENT, ORDER_FULFILMENT
from domain.payments.refund import REFUND_SAGA
from entrypoints.ports import Ports
from entrypoints.settings import Settings


def _saga_steps(gateway: PaymentGateway, new_id: NewId) -> dict[str, SagaSteps]:
    """What carries out each definition."""
    fulfilment = FulfilOrder(gateway, new_id)
    return {
        ORDER_FULFILMENT.name: fulfilment,
        FREE_ORDER_FULFILMENT.name: fulfilment,
        REFUND_SAGA.name: CarryOutRefund(gateway),
    }


def _consumers(
    notifiers: dict[str, Notifier], open_unit_of_work: OpenUnitOfWork, load_intake: LoadIntake
) -> dict[str, Consumer]:
    """By the names that subscriptions know."""
    tellers = {name: AcknowledgeOrder(notifier, open_unit_of_work) for name, notifier in notifiers.items()}
    return {**tellers, LOAD_INTAKE: load_intake}


def _if_orders_are_fulfilled(settings: Settings, make: Callable[[], Any]) -> Any:
    return make() if settings.fulfils_orders else None


class Container(Ports):
    """One entry for each thing that an entrypoint may ask for."""

    create_product = providers.Singleton(
        CreateProductHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    rename_product = providers.Singleton(
        RenameProductHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    delete_product = providers.Singleton(
        DeleteProductHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    restore_product = providers.Singleton(
        RestoreProductHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    register_device = providers.Singleton(
        RegisterDeviceHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    describe_device = providers.Singleton(
        DescribeDeviceHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    delete_device = providers.Singleton(
        DeleteDeviceHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    restore_device = providers.Singleton(
        RestoreDeviceHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    receive_stock = providers.Singleton(
        ReceiveStockHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    adjust_stock = providers.Singleton(
        AdjustStockHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    place_order = providers.Singleton(
        PlaceOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
        fulfils=Ports.settings.provided.fulfils_orders,
    )
    amend_order = providers.Singleton(
        AmendOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    cancel_order = providers.Singleton(
        CancelOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    ship_order = providers.Singleton(
        ShipOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    deliver_order = providers.Singleton(
        DeliverOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    return_order_lines = providers.Singleton(
        ReturnOrderLinesHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    pay_again = providers.Singleton(
        PayAgainHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    refund_payment = providers.Singleton(
        RefundPaymentHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    order_at_time = providers.Singleton(OrderAtTimeHandler, open_unit_of_work=Ports.unit_of_work.provider)
    delete_order = providers.Singleton(
        DeleteOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    restore_order = providers.Singleton(
        RestoreOrderHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    order_at_version = providers.Singleton(
        OrderAtVersionHandler, open_unit_of_work=Ports.unit_of_work.provider
    )
    resolve_series = providers.Singleton(
        ResolveSeries,
        catalogue=Ports.series_catalogue,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    ingest_readings = providers.Singleton(
        IngestReadingsHandler,
        operations=Ports.column_operations,
        series=resolve_series,
        partitions=Ports.partition_keeper,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
        retention=Ports.settings.provided.raw_retention,
    )
    receive_readings = providers.Singleton(
        ReceiveReadingsHandler,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        back_off=Ports.back_off,
    )
    load_intake = providers.Singleton(
        LoadIntake,
        decoder=Ports.reading_decoder,
        ingest=ingest_readings,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    replay_reject = providers.Singleton(
        ReplayRejectHandler,
        rejects=Ports.reject_views,
        decoder=Ports.reading_decoder,
        ingest=ingest_readings,
    )
    ensure_partitions = providers.Factory(
        EnsurePartitionsHandler, keeper=Ports.partitions_ahead, now=Ports.now
    )
    drop_partitions = providers.Factory(
        DropPartitionsHandler, partitions=Ports.reading_partitions, now=Ports.now, back_off=Ports.back_off
    )
    purge_deleted = providers.Singleton(PurgeDeletedHandler, open_purge=Ports.purge.provider, now=Ports.now)
    authenticate = providers.Singleton(AuthenticateHandler, tokens=Ports.access_tokens)
    access_desk = providers.Singleton(
        AccessDesk,
        administration=Ports.access_administration,
        now=Ports.now,
        new_id=Ports.new_id,
        new_secret=Ports.new_secret,
    )
    saga_steps = providers.Singleton(_saga_steps, gateway=Ports.payment_gateway, new_id=Ports.new_id)
    advance_saga = providers.Singleton(
        AdvanceSagaHandler,
        late_replies=Ports.late_replies,
        steps=saga_steps,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        new_id=Ports.new_id,
        jitter=Ports.jitter,
    )
    hear_callback = providers.Singleton(
        HearCallbackHandler,
        directory=Ports.saga_directory,
        late_replies=Ports.late_replies,
        stray_replies=Ports.stray_replies,
        steps=saga_steps,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    repair_saga = providers.Singleton(
        RepairSagaHandler,
        steps=saga_steps,
        open_unit_of_work=Ports.unit_of_work.provider,
        now=Ports.now,
        back_off=Ports.back_off,
    )
    consumers = providers.Singleton(
        _consumers, Ports.notifier_by_consumer, Ports.unit_of_work.provider, load_intake
    )
    drain_key = providers.Singleton(
        DrainKeyHandler,
        claims=Ports.message_claims,
        consumers=consumers,
        open_unit_of_work=Ports.unit_of_work.provider,
    )
    handle_wake = providers.Singleton(
        HandleWakeHandler,
        drain_key=drain_key,
        advance_saga=providers.Callable(_if_orders_are_fulfilled, Ports.settings, advance_saga.provider),
    )
    relay = providers.Factory(
        RelayHandler,
        backlog=Ports.backlog,
        due_sagas=providers.Callable(_if_orders_are_fulfilled, Ports.settings, Ports.due_sagas.provider),
    )
