"""Readings in partitions by time, and what is written beside them in the same transaction."""

from __future__ import annotations

# The application sees readings through the parent alone, whose policy shows a tenant its own. It may put rows into a
# leaf directly, and nothing else: COPY is refused where a policy stands.
TABLES = """
CREATE TABLE sensor_reading (
    tenant_id uuid NOT NULL,
    series_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (series_id, ts)
) PARTITION BY RANGE (ts);

CREATE TABLE dirty_mark (
    tenant_id uuid NOT NULL,
    series_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (tenant_id, series_id, hour, id)
);

CREATE TABLE latest_reading (
    tenant_id uuid NOT NULL,
    series_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (tenant_id, series_id)
) WITH (fillfactor = 50);
"""

DROP_TABLES = "DROP TABLE latest_reading, dirty_mark, sensor_reading;"

# Bounds come as the session's time zone writes them, and are read back in the same one.
PARTITIONS = r"""
CREATE FUNCTION reading_partitions(OUT name text, OUT starts_at timestamptz, OUT ends_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.relname::text,
        (regexp_match(b.bounds, 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
        (regexp_match(b.bounds, 'TO \(''([^'']+)''\)'))[1]::timestamptz
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds) b
    WHERE i.inhparent = 'public.sensor_reading'::regclass AND NOT i.inhdetachpending
    ORDER BY 2
$$;
"""

DROP_PARTITIONS = "DROP FUNCTION reading_partitions();"
