"""Partitions of readings, made and dropped by functions of the tables' owner, so that no role needs its rights."""

from __future__ import annotations

# A partition is made beside its parent and attached then, which no writer waits for; made as a part of it, it would
# want the parent for itself. Who goes straight into a partition must not be able to read there, for no policy stands
# before it; so the application may only insert, and everything else goes through the parent.
#
# An advisory lock lets one caller make partitions at a time; the newest months come first, since they are worth more.
# Rows come once and never change: pages are full, frozen when they are first vacuumed, and that happens after a
# twentieth is new instead of a fifth, or the newest days would lack a visibility map.
#
# All looks come before the first change: a look waits for partitions that are being dropped, and who has changed the
# parent may wait for nobody.
ENSURE = """
CREATE FUNCTION ensure_reading_partitions(p_months timestamptz[], OUT month timestamptz, OUT outcome text)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    v_last timestamptz := date_trunc('month', clock_timestamp()) + interval '2 months';
    v_months timestamptz[];
    v_outcomes text[];
    v_name text;
    v_made integer := 0;
BEGIN
    FOR v_look IN 1..2 LOOP
        SELECT coalesce(array_agg(w.starts_at ORDER BY w.starts_at DESC), '{}'),
            coalesce(array_agg(w.outcome ORDER BY w.starts_at DESC), '{}')
        INTO v_months, v_outcomes
        FROM (
            SELECT m.starts_at, CASE
                WHEN m.starts_at < timestamptz '1970-01-01' OR m.starts_at > v_last THEN 'out of range'
                ELSE how_reading_partitions_cover(m.starts_at, m.starts_at + interval '1 month')
            END AS outcome
            FROM (
                SELECT DISTINCT date_trunc('month', wanted) AS starts_at FROM unnest(p_months) wanted
                WHERE wanted IS NOT NULL
            ) m
        ) w;
        EXIT WHEN v_look = 2 OR NOT 'absent' = ANY (v_outcomes);
        PERFORM pg_advisory_xact_lock(hashtext('make reading partitions'));
    END LOOP;
    FOR v_place IN 1..cardinality(v_months) LOOP
        month := v_months[v_place];
        outcome := v_outcomes[v_place];
        v_name := 'sensor_reading_' || to_char(month, 'YYYY_MM');
        IF outcome = 'absent' AND v_made = 32 THEN
            outcome := 'too many';
        ELSIF outcome = 'absent' AND to_regclass(format('public.%I', v_name)) IS NOT NULL THEN
            outcome := 'name taken';
        ELSIF outcome = 'absent' THEN
            EXECUTE format(
                'CREATE TABLE public.%I (LIKE public.sensor_reading INCLUDING ALL) WITH ('
                'autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, '
                'autovacuum_freeze_min_age = 0)',
                v_name
            );
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdwater_app') THEN
                EXECUTE format('GRANT INSERT ON public.%I TO holdwater_app', v_name);
            END IF;
            EXECUTE format(
                'ALTER TABLE public.sensor_reading ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                v_name, month, month + interval '1 month'
            );
            v_made := v_made + 1;
            outcome := 'made';
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION how_reading_partitions_cover(p_starts timestamptz, p_ends timestamptz)
RETURNS text LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN count(*) = 0 THEN 'absent'
        WHEN sum(least(ends_at, p_ends) - greatest(starts_at, p_starts)) = p_ends - p_starts THEN 'there'
        ELSE 'covered in part'
    END
    FROM reading_partitions() WHERE starts_at < p_ends AND ends_at > p_starts
$$;
"""

# The partition is taken before its parent. Its long readers make this give up without anybody noticing; whoever holds
# the parent for longer is waited for up to the lock timeout, and no writer waits longer than that. The time is under
# deadlock_timeout, so a ring of waiters is broken here, not at somebody else.
#
# Marks are looked for again when nobody can write to the partition any more, for a writer holds it to his commit. That
# may take its time, so whoever looks at the catalogue is kept out only afterwards.
DROP = """
CREATE FUNCTION drop_reading_partition(p_name text, p_before timestamptz)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    v_starts timestamptz;
    v_ends timestamptz;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('drop reading partitions')) THEN
        RETURN 'busy';
    END IF;
    SELECT starts_at, ends_at INTO v_starts, v_ends FROM reading_partitions() WHERE name = p_name;
    IF NOT FOUND THEN
        RETURN 'absent';
    ELSIF p_before IS NULL OR v_ends > least(p_before, clock_timestamp() - interval '1 hour') THEN
        RETURN 'kept';
    ELSIF EXISTS (SELECT FROM dirty_mark WHERE hour >= v_starts AND hour < v_ends) THEN
        RETURN 'marked';
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN EXCLUSIVE MODE', p_name);
    IF EXISTS (SELECT FROM dirty_mark WHERE hour >= v_starts AND hour < v_ends) THEN
        RETURN 'marked';
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', p_name);
    LOCK TABLE ONLY public.sensor_reading IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE public.%I', p_name);
    RETURN 'dropped';
END $$;
"""

# What an operator sees of each partition; the marks are counted in one go.
OVERVIEW = """
CREATE FUNCTION reading_partition_overview(
    OUT name text, OUT starts_at timestamptz, OUT ends_at timestamptz,
    OUT row_count bigint, OUT bytes bigint, OUT marks bigint
) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT p.name, p.starts_at, p.ends_at, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid),
        coalesce(sum(m.marks), 0)::bigint
    FROM reading_partitions() p
    JOIN pg_class c ON c.oid = to_regclass(format('public.%I', p.name))
    LEFT JOIN (SELECT hour, count(*) AS marks FROM dirty_mark GROUP BY hour) m
        ON m.hour >= p.starts_at AND m.hour < p.ends_at
    GROUP BY p.name, p.starts_at, p.ends_at, c.oid, c.reltuples
    ORDER BY p.starts_at
$$;
"""

FUNCTIONS = ENSURE + DROP + OVERVIEW

DROP_FUNCTIONS = """
DROP FUNCTION reading_partition_overview();
DROP FUNCTION drop_reading_partition(text, timestamptz);
DROP FUNCTION ensure_reading_partitions(timestamptz[]);
DROP FUNCTION how_reading_partitions_cover(timestamptz, timestamptz);
"""
