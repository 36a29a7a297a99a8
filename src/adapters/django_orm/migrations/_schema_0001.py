"""What Django has no words for in the first migration: composite foreign keys, a sequence, functions."""

from __future__ import annotations

# Each names the tenant on both sides, so a probe with another tenant's id fails as one with a random id does.
# Lines have none to their product: it would lock the product's row for every order of a popular one, and
# history outlives products. Nothing on the path of a write refers to `tenant`, which every transaction would
# have to lock.
FOREIGN_KEYS = """
ALTER TABLE product ADD CONSTRAINT product_tenant_exists
    FOREIGN KEY (tenant_id) REFERENCES tenant (id);
ALTER TABLE access_token ADD CONSTRAINT access_token_tenant_exists
    FOREIGN KEY (tenant_id) REFERENCES tenant (id);
ALTER TABLE stock_item ADD CONSTRAINT stock_item_product_exists
    FOREIGN KEY (tenant_id, product_id) REFERENCES product (tenant_id, id);
ALTER TABLE stock_reservation ADD CONSTRAINT stock_reservation_item_exists
    FOREIGN KEY (tenant_id, stock_item_id) REFERENCES stock_item (tenant_id, id);
ALTER TABLE stock_reservation ADD CONSTRAINT stock_reservation_order_exists
    FOREIGN KEY (tenant_id, order_id) REFERENCES customer_order (tenant_id, id);
ALTER TABLE order_line ADD CONSTRAINT order_line_order_exists
    FOREIGN KEY (tenant_id, order_id) REFERENCES customer_order (tenant_id, id);
"""

DROP_FOREIGN_KEYS = """
ALTER TABLE order_line DROP CONSTRAINT order_line_order_exists;
ALTER TABLE stock_reservation DROP CONSTRAINT stock_reservation_order_exists;
ALTER TABLE stock_reservation DROP CONSTRAINT stock_reservation_item_exists;
ALTER TABLE stock_item DROP CONSTRAINT stock_item_product_exists;
ALTER TABLE access_token DROP CONSTRAINT access_token_tenant_exists;
ALTER TABLE product DROP CONSTRAINT product_tenant_exists;
"""

_TAKE_TICKET = """
    PERFORM pg_advisory_xact_lock_shared(
        (18519::bigint << 48) | coalesce(pg_sequence_last_value('event_position'::regclass), 0)
    );"""
_INSERT_EVENT = """INSERT INTO event (
            tenant_id, position, event_id, stream_kind, stream_id, version, type, schema_version, occurred_at,
            actor, correlation_id, causation_id, traceparent, data
        )"""

# docs/decisions/0001-event-order.md. Most transactions append one event: `append_event` spares them the arrays.
# The ticket's key is a 16-bit tag (18519, "HW") above a 48-bit position
# below or at which none of this transaction's positions lies. pg_sequence_last_value is NULL before the
# first draw, which makes the first ticket 0, and it costs a third of reading the sequence as a relation. The
# reader does read it so, for that fails without the right to, where the function would say NULL. CACHE 1:
# positions that a session had cached would lie below a ticket taken since.
EVENT_ORDER = f"""
CREATE SEQUENCE event_position AS bigint CACHE 1 OWNED BY event.position;

CREATE FUNCTION append_event(
    p_tenant uuid, p_actor text, p_correlation text, p_causation text, p_traceparent text,
    p_event_id uuid, p_stream_kind text, p_stream_id uuid, p_version integer,
    p_type text, p_schema_version integer, p_occurred timestamptz, p_data jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    drawn bigint;
BEGIN{_TAKE_TICKET}
    {_INSERT_EVENT} VALUES (
        p_tenant, nextval('event_position'), p_event_id, p_stream_kind, p_stream_id, p_version,
        p_type, p_schema_version, p_occurred, p_actor, p_correlation, p_causation, p_traceparent, p_data
    ) RETURNING position INTO drawn;
    RETURN drawn;
END $$;

CREATE FUNCTION append_events(
    p_tenant uuid, p_actor text, p_traceparent text, p_correlations text[], p_causations text[],
    p_event_ids uuid[], p_stream_kinds text[], p_stream_ids uuid[], p_versions integer[],
    p_types text[], p_schema_versions integer[], p_occurred timestamptz[], p_data jsonb[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_position bigint;
BEGIN{_TAKE_TICKET}
    FOR i IN 1 .. cardinality(p_event_ids) LOOP
        {_INSERT_EVENT} VALUES (
            p_tenant, nextval('event_position'), p_event_ids[i], p_stream_kinds[i], p_stream_ids[i], p_versions[i],
            p_types[i], p_schema_versions[i], p_occurred[i],
            p_actor, p_correlations[i], p_causations[i], p_traceparent, p_data[i]
        ) RETURNING position INTO last_position;
    END LOOP;
    RETURN last_position;
END $$;

CREATE FUNCTION event_tickets(OUT pid integer, OUT ticket bigint) RETURNS SETOF record
LANGUAGE sql VOLATILE AS $$
    SELECT l.pid, ((l.classid::bigint & 65535) << 32) | l.objid::bigint
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.classid::bigint >> 16 = 18519
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
$$;

CREATE FUNCTION safe_event_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    drawn bigint;
    lowest_ticket bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are read in READ COMMITTED only: under % a later statement does not see more',
            current_setting('transaction_isolation');
    END IF;
    SELECT last_value INTO drawn FROM event_position;
    SELECT min(ticket) INTO lowest_ticket FROM event_tickets();
    RETURN least(drawn, lowest_ticket);
END $$;
"""  # noqa: S608 - constants of this file

DROP_EVENT_ORDER = """
DROP FUNCTION safe_event_position();
DROP FUNCTION event_tickets();
DROP FUNCTION append_event(
    uuid, text, text, text, text, uuid, text, uuid, integer, text, integer, timestamptz, jsonb
);
DROP FUNCTION append_events(
    uuid, text, text, text[], text[], uuid[], text[], uuid[], integer[], text[], integer[], timestamptz[], jsonb[]
);
DROP SEQUENCE event_position;
"""

# docs/decisions/0006-idempotency.md. Times are the database's. The lock is of the two-integer form, a key
# space of its own beside the tickets'; two keys that share a hash cost a needless "busy", never a wrong
# answer. The look-up is a statement of its own, so it sees what was committed before the lock was free. A key
# that started a saga is good for as long as the saga lives, however old it is.
_SAGA_OF_REQUEST_LIVES = """EXISTS (
            SELECT 1 FROM saga s
            WHERE s.tenant_id = r.tenant_id AND s.id = r.saga_id AND s.status NOT IN ('completed', 'compensated')
        )"""
REQUESTS = f"""
CREATE FUNCTION claim_request(
    p_tenant uuid, p_actor text, p_key text, OUT verdict text, OUT stored_fingerprint bytea, OUT stored_outcome jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    hash bigint := hashtextextended(p_tenant::text || length(p_actor) || ':' || p_actor || p_key, 0);
    is_ours boolean := pg_try_advisory_xact_lock((hash >> 32)::integer, ((hash << 32) >> 32)::integer);
BEGIN
    SELECT 'stored', r.fingerprint, r.outcome INTO verdict, stored_fingerprint, stored_outcome
    FROM idempotency_record r
    WHERE r.tenant_id = p_tenant AND r.actor = p_actor AND r.key = p_key
        AND (r.expires_at > clock_timestamp() OR {_SAGA_OF_REQUEST_LIVES});
    IF NOT FOUND THEN
        verdict := CASE WHEN is_ours THEN 'new' ELSE 'busy' END;
    END IF;
END $$;

CREATE FUNCTION live_product_ids(p_tenant uuid, p_skus text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(p.sku, p.id) FROM product p
        WHERE p.tenant_id = p_tenant AND p.sku = ANY(p_skus) AND p.deleted_at IS NULL
    );
END $$;

CREATE FUNCTION settle_request(
    p_tenant uuid, p_actor text, p_key text, p_fingerprint bytea, p_kept_for interval, p_outcome jsonb,
    p_saga uuid
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO idempotency_record AS r (
        tenant_id, actor, key, fingerprint, outcome, saga_id, created_at, expires_at
    )
    VALUES (
        p_tenant, p_actor, p_key, p_fingerprint, p_outcome, p_saga, clock_timestamp(), clock_timestamp() + p_kept_for
    )
    ON CONFLICT (tenant_id, actor, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, outcome = excluded.outcome, saga_id = excluded.saga_id,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        WHERE r.expires_at <= clock_timestamp() AND NOT {_SAGA_OF_REQUEST_LIVES};
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the request has an outcome already, though its key was claimed just now'
            USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
"""  # noqa: S608 - constants of this file

DROP_REQUESTS = """
DROP FUNCTION settle_request(uuid, text, text, bytea, interval, jsonb, uuid);
DROP FUNCTION live_product_ids(uuid, text[]);
DROP FUNCTION claim_request(uuid, text, text);
"""

# One message to the server carries all writes of a flush, and only its last statement gives a result; so a
# write that found no row at its version must end the message by an error of its own. HW001 is ours.
GUARDS = """
CREATE FUNCTION require_written(p_rows bigint, p_kind text, p_id uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_rows = 0 THEN
        RAISE EXCEPTION '% % is not at the version that was read', p_kind, p_id
            USING ERRCODE = 'HW001', DETAIL = p_kind || ' ' || p_id;
    END IF;
END $$;

CREATE FUNCTION require_all_written(p_written uuid[], p_kind text, p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    missing uuid;
BEGIN
    IF cardinality(p_written) < cardinality(p_ids) THEN
        SELECT id INTO missing FROM unnest(p_ids) AS id WHERE id <> ALL (p_written) ORDER BY id LIMIT 1;
        PERFORM require_written(0, p_kind, missing);
    END IF;
END $$;
"""

DROP_GUARDS = """
DROP FUNCTION require_all_written(uuid[], text, uuid[]);
DROP FUNCTION require_written(bigint, text, uuid);
"""

# The one way from a token's hash to its tenant, with the owner's rights. A request that finds the row locked
# by another's note of use leaves the note out and goes on.
ACCESS = """
CREATE FUNCTION authenticate_token(p_secret_hash bytea, OUT tenant_id uuid, OUT owner text, OUT scopes text[])
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    token public.access_token;
BEGIN
    SELECT * INTO token FROM public.access_token t
    WHERE t.secret_hash = p_secret_hash AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF token.last_used_at IS NULL OR token.last_used_at < clock_timestamp() - interval '1 minute' THEN
        UPDATE public.access_token t SET last_used_at = clock_timestamp()
        WHERE (t.tenant_id, t.id) IN (
            SELECT u.tenant_id, u.id FROM public.access_token u
            WHERE u.tenant_id = token.tenant_id AND u.id = token.id
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    tenant_id := token.tenant_id;
    owner := token.owner;
    scopes := token.scopes;
    RETURN NEXT;
END $$;
"""

DROP_ACCESS = "DROP FUNCTION authenticate_token(bytea);"

# The one way from a saga's id to its tenant, with the owner's rights: a gateway's callback names the saga alone.
SAGA_DIRECTORY = """
CREATE FUNCTION tenant_of_saga(p_saga uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.tenant_id FROM public.saga s WHERE s.id = p_saga LIMIT 1
$$;
"""

DROP_SAGA_DIRECTORY = "DROP FUNCTION tenant_of_saga(uuid);"
