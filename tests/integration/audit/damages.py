"""What an intruder or a fault may do to rows and events behind the service's back."""

from __future__ import annotations

from typing import Final

OF_PAID = "tenant_id = %(tenant)s AND id = %(paid)s"
STREAM_OF_PAID = "tenant_id = %(tenant)s AND stream_id = %(paid)s"
SAGA_OF_PAID = "tenant_id = %(tenant)s AND subject_id = %(paid)s"
PAYMENT_OF_PAID = "tenant_id = %(tenant)s AND order_id = %(paid)s"
PAYMENTS_STREAM = f"tenant_id = %(tenant)s AND stream_id = (SELECT id FROM payment WHERE {PAYMENT_OF_PAID})"
STOCK_OF_HOUSE = "tenant_id = %(tenant)s AND product_id = %(product)s"
STOCKS_STREAM = f"tenant_id = %(tenant)s AND stream_id = (SELECT id FROM stock_item WHERE {STOCK_OF_HOUSE})"

DAMAGES: Final = {
    "an order's status": (
        f"UPDATE customer_order SET status = 'shipped' WHERE {OF_PAID}",
        {("E9", "order", "status", "confirmed", "shipped")},
    ),
    "an order that was never paid is made out to be delivered": (
        "UPDATE customer_order SET status = 'delivered' WHERE tenant_id = %(tenant)s AND id = %(declined)s",
        {
            ("E9", "order", "status", "awaiting_payment", "delivered"),
            ("M1", "order", "captured", "420 EUR", "0 EUR"),
        },
    ),
    "a personal field of an order": (
        f"UPDATE customer_order SET note = 'x' WHERE {OF_PAID}",
        {("E9", "order", "note", "a text of 0 characters", "a text of 1 characters")},
    ),
    "an order's version": (
        f"UPDATE customer_order SET version = 9 WHERE {OF_PAID}",
        {("E9", "order", "version", "2", "9")},
    ),
    "a purged order that tells of its customer again": (
        (
            'UPDATE event SET data = data || \'{"email": "ada@example.org"}\' WHERE tenant_id = %(tenant)s'
            " AND stream_id = %(purged)s AND type = 'order.placed'"
        ),
        {
            (
                "E9",
                "order",
                "event 7",
                "one that follows on those before",
                "order.purged: the events before the purge still tell email",
            )
        },
    ),
    "a line's quantity": (
        "UPDATE order_line SET quantity = 2 WHERE tenant_id = %(tenant)s AND order_id = %(paid)s",
        {("E9", "order", "order_line 1.quantity", "1", "2")},
    ),
    "a line is removed": (
        "DELETE FROM order_line WHERE tenant_id = %(tenant)s AND order_id = %(paid)s",
        {("E9", "order", "order_line 1", "a row", "none")},
    ),
    "a deleted order's line that is shown": (
        (
            "UPDATE order_line SET deleted_at = NULL, deletion_id = NULL, deleted_by = NULL, deletion_reason = NULL"
            " WHERE tenant_id = %(tenant)s AND order_id = %(deleted)s"
        ),
        {
            ("E9", "order", f"order_line 1.{name}", "*", "nothing")
            for name in ("deleted_at", "deletion_id", "deleted_by", "deletion_reason")
        },
    ),
    "a stock row": (
        f"UPDATE stock_item SET on_hand = on_hand + 5, received = received + 5 WHERE {STOCK_OF_HOUSE}",
        {("E9", "stock", "on_hand", "*", "*"), ("E9", "stock", "received", "*", "*")},
    ),
    "a reservation is removed": (
        "DELETE FROM stock_reservation WHERE tenant_id = %(tenant)s AND order_id = %(capturing)s",
        {
            ("E9", "stock", "stock_reservation %(capturing)s", "a row", "none"),
            ("M2", "stock", "reserved", "0", "1"),
        },
    ),
    "a reservation for an order that is fulfilled": (
        (
            "INSERT INTO stock_reservation (tenant_id, stock_item_id, order_id, quantity)"
            f" SELECT tenant_id, id, %(paid)s, 1 FROM stock_item WHERE {STOCK_OF_HOUSE}"
        ),
        {
            ("E9", "stock", "stock_reservation %(paid)s", "no row", "one"),
            ("M2", "stock", "reserved", "2", "1"),
            (
                "M2",
                "stock",
                "reservation of order %(paid)s",
                "none",
                "1 pieces, which is of an order that is confirmed whose saga is completed",
            ),
        },
    ),
    "what became of a batch": (
        (
            "UPDATE intake SET accepted = 6, faults = replace(faults, 'less', 'more')"
            " WHERE tenant_id = %(tenant)s AND status = 'loaded'"
        ),
        {
            ("E9", "intake", "accepted", "5", "6"),
            ("E9", "intake", "fault 3.detail", "send less", "send more"),
        },
    ),
    "a payment row": (
        f"UPDATE payment SET amount_minor = 421 WHERE {PAYMENT_OF_PAID}",
        {
            ("E9", "payment", "amount_minor", "420", "421"),
            ("M1", "order", "captured", "420 EUR", "421 EUR"),
            ("M1", "order", "payment pay_1 authorised", "421", "420"),
            ("M1", "order", "payment pay_1 captured", "421", "420"),
        },
    ),
    "a payment is removed with its events": (
        (
            f"WITH gone AS (DELETE FROM payment WHERE {PAYMENT_OF_PAID} RETURNING tenant_id, id)"
            " DELETE FROM event e USING gone WHERE e.tenant_id = gone.tenant_id AND e.stream_id = gone.id"
        ),
        {
            ("M1", "order", "captured", "420 EUR", "0 EUR"),
            ("M1", "order", "payment pay_1", "none", "*"),
        },
    ),
    "a refund's amount": (
        (
            "UPDATE payment SET refunds = replace(refunds, '\"amount_minor\":100', '\"amount_minor\":99')"
            " WHERE tenant_id = %(tenant)s AND order_id = %(refunded)s"
        ),
        {("E9", "payment", "*", "100", "99")},
    ),
    "whose a refund is": (
        (
            "DELETE FROM refund_payment WHERE tenant_id = %(tenant)s AND payment_id ="
            " (SELECT id FROM payment WHERE tenant_id = %(tenant)s AND order_id = %(refunded)s)"
        ),
        {("E9", "payment", "*", "a row", "none")},
    ),
    "a saga row": (
        f"UPDATE saga SET steps = replace(steps, '\"tries\":0', '\"tries\":3') WHERE {SAGA_OF_PAID}",
        {
            ("E9", "saga", f"step {name}.tries", "0", "3")
            for name in ("authorise", "reserve", "capture", "notify")
        },
    ),
    "a saga's status": (
        f"UPDATE saga SET status = 'compensated' WHERE {SAGA_OF_PAID}",
        {("E9", "saga", "status", "completed", "compensated")},
    ),
    "an event is removed from the middle": (
        f"DELETE FROM event WHERE {STOCKS_STREAM} AND version = 3",
        {("E9", "stock", "event", "one of version 3", "*")},
    ),
    "the last event is removed": (
        f"DELETE FROM event WHERE {STREAM_OF_PAID} AND type = 'order.confirmed'",
        {
            ("E9", "order", "version", "1", "2"),
            ("E9", "order", "updated_at", "*", "*"),
            ("E9", "order", "status", "pending", "confirmed"),
        },
    ),
    "an event's amount": (
        f"UPDATE event SET data = data || '{{\"amount_minor\": 1}}' WHERE {PAYMENTS_STREAM} AND version = 1",
        {("E9", "payment", "amount_minor", "1", "420")},
    ),
    "an event's price": (
        (
            "UPDATE event SET data = jsonb_set(data, '{lines,0,unit_price_minor}', '1')"
            f" WHERE {STREAM_OF_PAID} AND version = 1"
        ),
        {
            ("E9", "order", "total_minor", "1", "420"),
            ("E9", "order", "order_line 1.unit_price_minor", "1", "420"),
        },
    ),
    "an event's time": (
        f"UPDATE event SET occurred_at = occurred_at + interval '1 s' WHERE {STREAM_OF_PAID} AND version = 2",
        {("E9", "order", "updated_at", "*", "*")},
    ),
    "an event of a type that nobody knows": (
        f"UPDATE event SET schema_version = 2 WHERE {STREAM_OF_PAID} AND version = 2",
        {("E9", "order", "event 2", "a type that the audit knows", "order.confirmed v2")},
    ),
    "an event with data that is none": (
        f"UPDATE event SET data = '[]' WHERE {STREAM_OF_PAID} AND version = 1",
        {("E9", "order", "event 1", "data that can be taken", "*")},
    ),
    "a row is removed": (
        f"DELETE FROM saga WHERE {SAGA_OF_PAID}",
        {("E9", "saga", "row", "one", "none")},
    ),
    "an order's row is removed": (
        f"DELETE FROM customer_order WHERE {OF_PAID}",
        {
            ("E9", "order", "row", "one", "none"),
            ("M1", "payment", "order", "%(paid)s", "none"),
            ("M1", "order", "charge without an order, payment pay_1", "an order", "*"),
        },
    ),
    "a whole stream is removed": (
        f"DELETE FROM event WHERE {STREAM_OF_PAID}",
        {("E9", "order", "stream", "one", "none"), ("E9", "order", "order_line", "no row", "1 rows")},
    ),
    "a product is removed with its events": (
        (
            "WITH gone AS (DELETE FROM product WHERE tenant_id = %(tenant)s AND id = %(product)s"
            " RETURNING tenant_id, id)"
            " DELETE FROM event e USING gone WHERE e.tenant_id = gone.tenant_id AND e.stream_id = gone.id"
        ),
        {("E9", "stock", "product", "%(product)s", "none")},
    ),
}
"""What is done, and what each difference says of it: check, kind, field, expected, found."""
