"""Row-level security and grants of the first migration, for the roles that exist; may be applied again at
any time.

A role that is made later gets its rights by the next `holdwater migrate`.
"""

from __future__ import annotations

from typing import Final

APP_ROLE: Final = "holdwater_app"
SYSTEM_ROLE: Final = "holdwater_system"
PURGE_ROLE: Final = "holdwater_purge"

TENANT_TABLES: Final = (
    "access_token",
    "product",
    "stock_item",
    "stock_reservation",
    "customer_order",
    "order_line",
    "event",
    "idempotency_record",
    "message",
    "payment",
    "refund_payment",
    "saga",
    "late_reply",
    "sensor_reading",
    "dirty_mark",
    "latest_reading",
    "rejected_reading",
    "device",
    "series",
    "telemetry_setting",
    "intake",
    "intake_body",
)
"""Every table with a tenant_id."""

_DELETION: Final = "deleted_at, deletion_id, deleted_by, deletion_reason"
_APP_RIGHTS: Final = {
    "product": f"SELECT, INSERT, UPDATE (version, name, updated_at, {_DELETION})",
    "stock_item": "SELECT, INSERT, "
    f"UPDATE (version, on_hand, reserved, sold, received, adjusted, updated_at, {_DELETION})",
    "stock_reservation": "SELECT, INSERT, DELETE",
    "customer_order": "SELECT, INSERT, "
    f"UPDATE (version, status, payment_method, note, address, cancel_reason, updated_at, {_DELETION})",
    "order_line": f"SELECT, INSERT, UPDATE (returned, {_DELETION})",
    "event": "SELECT, INSERT",
    "idempotency_record": "SELECT, INSERT, UPDATE (fingerprint, outcome, saga_id, created_at, expires_at)",
    "message": "SELECT, INSERT, UPDATE (due_at, wake_at, fence, tries, failures, error, parked_at, settled_at)",
    "payment": "SELECT, INSERT, "
    "UPDATE (version, status, gateway_id, decline_reason, refunded_minor, refunds, updated_at)",
    "refund_payment": "SELECT, INSERT",
    "saga": "SELECT, INSERT, UPDATE "
    "(version, status, position, reason, steps, needs_repair, doubt_since, due_at, updated_at, wake_at, fence, leased_until)",
    "late_reply": "SELECT, INSERT",
    "device": f"SELECT, INSERT, UPDATE (version, description, updated_at, {_DELETION})",
    "series": "SELECT, INSERT",
    "telemetry_setting": "SELECT",
    "intake": "SELECT, INSERT, UPDATE "
    "(version, status, accepted, duplicate, conflict, rejected, refusal_code, refusal_detail, faults, updated_at)",
    "intake_body": "SELECT, INSERT, DELETE",
    "stray_reply": "INSERT",
    "sensor_reading": "SELECT, INSERT",
    "dirty_mark": "SELECT, INSERT",
    "latest_reading": "SELECT, INSERT, UPDATE (ts, value)",
    "rejected_reading": "SELECT, INSERT, UPDATE (replayed_at)",
    "role_process": "SELECT, INSERT, UPDATE (seen_at), DELETE",
    "django_migrations": "SELECT",
}
_SYSTEM_RIGHTS: Final = {
    "tenant": "SELECT",
    "product": "SELECT",
    "stock_item": "SELECT",
    "stock_reservation": "SELECT",
    "customer_order": "SELECT",
    "order_line": "SELECT",
    "event": "SELECT",
    "idempotency_record": "SELECT",
    "message": "SELECT, UPDATE (wake_at)",
    "payment": "SELECT",
    "refund_payment": "SELECT",
    "saga": "SELECT, UPDATE (wake_at)",
    "late_reply": "SELECT",
    "device": "SELECT",
    "series": "SELECT",
    "telemetry_setting": "SELECT",
    "intake": "SELECT",
    "intake_body": "SELECT",
    "stray_reply": "SELECT",
    "sensor_reading": "SELECT",
    "dirty_mark": "SELECT",
    "latest_reading": "SELECT",
    "rejected_reading": "SELECT",
    "schedule": "SELECT, INSERT, UPDATE (every, lease, due_at, leased_until, fence, ended_at, error)",
    "django_migrations": "SELECT",
}
_PURGE_RIGHTS: Final = {
    "customer_order": "SELECT, UPDATE (version, customer_ref, payment_method, reference, email, note, address, "
    "cancel_reason, deletion_reason, updated_at, purged_at)",
    "order_line": "SELECT, UPDATE (deletion_reason)",
    "stock_reservation": "SELECT",
    "event": "SELECT, INSERT, UPDATE (data)",
    "payment": "SELECT (tenant_id, id, order_id, version), UPDATE (method)",
    "refund_payment": "SELECT",
    "saga": "SELECT (tenant_id, id, subject_id, status, version), UPDATE (reason, steps)",
    "late_reply": "SELECT (tenant_id, saga_id), UPDATE (reply)",
    "idempotency_record": "SELECT, DELETE",
    "message": "SELECT, DELETE",
    "rejected_reading": "SELECT, DELETE",
    "django_migrations": "SELECT",
}

# A transaction that set a tenant leaves '' behind, not NULL, hence nullif.
_OWN_ROWS: Final = "tenant_id = nullif(current_setting('app.tenant', true), '')::uuid"

_DELETED: Final = "deleted_at IS NOT NULL"


def _of_a_deleted_order(table: str, column: str) -> str:
    """Whether the column names a deleted order."""
    return (
        f"EXISTS (SELECT 1 FROM customer_order o WHERE o.tenant_id = {table}.tenant_id"  # noqa: S608 - constants
        f" AND o.id = {table}.{column} AND o.{_DELETED})"
    )


def _of_its_refund(table: str, column: str) -> str:
    """Whether the column names a refund of a deleted order; the purge sees no other payment."""
    return (
        f"EXISTS (SELECT 1 FROM refund_payment r JOIN payment p ON p.tenant_id = r.tenant_id AND p.id = r.payment_id"  # noqa: S608
        f" WHERE r.tenant_id = {table}.tenant_id AND r.refund_id = {table}.{column})"
    )


def _is_its_saga(table: str) -> str:
    """Whether the row of `saga` is about a deleted order or one of its refunds."""
    return f"({_of_a_deleted_order(table, 'subject_id')} OR {_of_its_refund(table, 'subject_id')})"


def _of_its_saga(table: str, column: str) -> str:
    """Whether the column names a saga of a deleted order."""
    return (
        f"EXISTS (SELECT 1 FROM saga s WHERE s.tenant_id = {table}.tenant_id AND s.id = {table}.{column}"  # noqa: S608
        f" AND {_is_its_saga('s')})"
    )


def _of_its_payment(table: str, column: str) -> str:
    """Whether the column names a payment of a deleted order; the purge sees no other."""
    return (
        f"EXISTS (SELECT 1 FROM payment p WHERE p.tenant_id = {table}.tenant_id AND p.id = {table}.{column})"  # noqa: S608
    )


_CHANGED_SAGAS: Final = _is_its_saga("saga")
_PURGE_ROWS: Final = {
    "customer_order": _DELETED,
    "order_line": _DELETED,
    "stock_reservation": "true",
    "event": " OR ".join(
        belongs("event", "stream_id") for belongs in (_of_a_deleted_order, _of_its_saga, _of_its_payment)
    ),
    "payment": _of_a_deleted_order("payment", "order_id"),
    "refund_payment": "true",
    "late_reply": _of_its_saga("late_reply", "saga_id"),
    "idempotency_record": "expires_at <= clock_timestamp()",
    "message": "true",
    "rejected_reading": "created_at < clock_timestamp() - interval '90 days'",
}
"""What the purge may see and change, of all tenants: deleted orders with what belongs to them, keys that have run out.

It sees each saga as well, for none that lives may lose its order or its key; it changes those of deleted orders.
"""

FOR_EVERYBODY: Final = "\n".join(
    (
        *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;" for table in TENANT_TABLES),
        "REVOKE ALL ON FUNCTION authenticate_token(bytea) FROM PUBLIC;",
        "REVOKE ALL ON FUNCTION tenant_of_saga(uuid) FROM PUBLIC;",
        "REVOKE ALL ON FUNCTION ensure_reading_partitions(timestamptz[]) FROM PUBLIC;",
        "REVOKE ALL ON FUNCTION drop_reading_partition(text, timestamptz) FROM PUBLIC;",
        "REVOKE ALL ON FUNCTION reading_partition_overview() FROM PUBLIC;",
    )
)


def _policy(table: str, role: str, condition: str, *, writes: bool) -> str:
    command = f"FOR ALL TO {role} USING ({condition}) WITH CHECK ({condition})"
    if not writes:
        command = f"FOR SELECT TO {role} USING ({condition})"
    return f"DROP POLICY IF EXISTS {role} ON {table}; CREATE POLICY {role} ON {table} {command};"


def _grants(role: str, rights: dict[str, str]) -> list[str]:
    return [f"GRANT {right} ON {table} TO {role};" for table, right in rights.items()]


# Partitions that are made later get it when they are made.
_INSERT_INTO_PARTITIONS: Final = (
    "DO $$ DECLARE v_name text; BEGIN FOR v_name IN SELECT name FROM reading_partitions() LOOP "  # noqa: S608
    f"EXECUTE format('GRANT INSERT ON public.%I TO {APP_ROLE}', v_name); END LOOP; END $$;"
)

FOR_ROLE: Final = {
    APP_ROLE: "\n".join(
        (
            f"GRANT USAGE ON SCHEMA public TO {APP_ROLE};",
            *(
                _policy(table, APP_ROLE, _OWN_ROWS, writes=True)
                for table in TENANT_TABLES
                if table in _APP_RIGHTS
            ),
            *_grants(APP_ROLE, _APP_RIGHTS),
            # nextval needs USAGE, reading last_value needs SELECT.
            f"GRANT USAGE, SELECT ON SEQUENCE event_position TO {APP_ROLE};",
            f"GRANT USAGE ON SEQUENCE series_id TO {APP_ROLE};",
            f"GRANT EXECUTE ON FUNCTION authenticate_token(bytea) TO {APP_ROLE};",
            f"GRANT EXECUTE ON FUNCTION tenant_of_saga(uuid) TO {APP_ROLE};",
            f"GRANT EXECUTE ON FUNCTION ensure_reading_partitions(timestamptz[]) TO {APP_ROLE};",
            _INSERT_INTO_PARTITIONS,
        )
    ),
    SYSTEM_ROLE: "\n".join(
        (
            f"GRANT USAGE ON SCHEMA public TO {SYSTEM_ROLE};",
            *(
                _policy(table, SYSTEM_ROLE, "true", writes=table in {"message", "saga"})
                for table in TENANT_TABLES
                if table in _SYSTEM_RIGHTS
            ),
            *_grants(SYSTEM_ROLE, _SYSTEM_RIGHTS),
            f"GRANT SELECT ON SEQUENCE event_position TO {SYSTEM_ROLE};",
            *(
                f"GRANT EXECUTE ON FUNCTION {function} TO {SYSTEM_ROLE};"
                for function in (
                    "ensure_reading_partitions(timestamptz[])",
                    "drop_reading_partition(text, timestamptz)",
                    "reading_partition_overview()",
                )
            ),
        )
    ),
    PURGE_ROLE: "\n".join(
        (
            f"GRANT USAGE ON SCHEMA public TO {PURGE_ROLE};",
            *(_policy(table, PURGE_ROLE, rows, writes=True) for table, rows in _PURGE_ROWS.items()),
            _policy("saga", PURGE_ROLE, "true", writes=False),
            f"DROP POLICY IF EXISTS {PURGE_ROLE}_changes ON saga;",
            f"CREATE POLICY {PURGE_ROLE}_changes ON saga FOR UPDATE TO {PURGE_ROLE} USING ({_CHANGED_SAGAS});",
            *_grants(PURGE_ROLE, _PURGE_RIGHTS),
            f"GRANT USAGE, SELECT ON SEQUENCE event_position TO {PURGE_ROLE};",
        )
    ),
}
