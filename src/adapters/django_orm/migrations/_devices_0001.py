"""The tables of devices and series, with their keys, a sequence, and the counters that triggers keep."""

from __future__ import annotations

from typing import Final

from django.db import migrations, models

_LIVE: Final = models.Q(
    ("deleted_at__isnull", True),
    ("deleted_by__isnull", True),
    ("deletion_id__isnull", True),
    ("deletion_reason__isnull", True),
)
_DELETED: Final = models.Q(
    ("deleted_at__isnull", False),
    ("deleted_by__isnull", False),
    ("deletion_id__isnull", False),
    ("deletion_reason__isnull", False),
)


def _two_ids() -> models.CompositePrimaryKey:
    return models.CompositePrimaryKey(
        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
    )


TABLES: Final = (
    migrations.CreateModel(
        name="Device",
        fields=[
            ("created_at", models.DateTimeField()),
            ("updated_at", models.DateTimeField()),
            ("version", models.IntegerField()),
            ("deleted_at", models.DateTimeField(null=True)),
            ("deletion_id", models.UUIDField(null=True)),
            ("deleted_by", models.CharField(max_length=100, null=True)),
            ("deletion_reason", models.CharField(max_length=200, null=True)),
            ("pk", _two_ids()),
            ("tenant_id", models.UUIDField()),
            ("id", models.UUIDField()),
            ("name", models.CharField(max_length=200)),
            ("description", models.CharField(max_length=500)),
        ],
        options={
            "db_table": "device",
            "abstract": False,
            "base_manager_name": "objects",
            "indexes": [
                models.Index(fields=["tenant_id", "created_at", "id"], name="device_by_age"),
                models.Index(
                    condition=models.Q(("deleted_at__isnull", False)),
                    fields=["tenant_id", "created_at", "id"],
                    name="device_deleted_by_age",
                ),
                models.Index(fields=["tenant_id", "name", "created_at", "id"], name="device_by_name"),
            ],
            "constraints": [
                models.CheckConstraint(condition=models.Q(("version__gte", 1)), name="device_version_from_1"),
                models.CheckConstraint(
                    condition=models.Q(_LIVE, _DELETED, _connector="OR"), name="device_deletion_whole"
                ),
                models.UniqueConstraint(
                    condition=models.Q(("deleted_at__isnull", True)),
                    fields=("tenant_id", "name"),
                    name="device_name_unique",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Series",
        fields=[
            ("pk", _two_ids()),
            ("tenant_id", models.UUIDField()),
            ("id", models.BigIntegerField()),
            ("device_id", models.UUIDField()),
            ("metric", models.CharField(max_length=200)),
            ("labels", models.TextField()),
            ("labels_digest", models.BinaryField()),
            ("created_at", models.DateTimeField()),
        ],
        options={
            "db_table": "series",
            "constraints": [
                models.UniqueConstraint(
                    fields=("tenant_id", "device_id", "metric", "labels_digest"), name="series_key_unique"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="TelemetrySetting",
        fields=[
            ("tenant_id", models.UUIDField(primary_key=True, serialize=False)),
            ("registers_devices", models.BooleanField(db_default=True)),
            ("deletions", models.BigIntegerField(db_default=0)),
            ("series_count", models.BigIntegerField(db_default=0)),
        ],
        options={"db_table": "telemetry_setting"},
    ),
)

# docs/decisions/0024-devices-and-series.md. The counters are kept with the owner's rights, so that the application's
# role needs none on the settings. `deletions` moves in the transaction of each deletion: what a process remembers of
# series is void then. Who deletes, or adds series, holds the tenant's row of settings to the end of a short
# transaction, and always takes it last, so nobody waits for each other in a circle.
DEVICES = """
CREATE SEQUENCE series_id AS bigint OWNED BY series.id;

ALTER TABLE device ADD CONSTRAINT device_tenant_exists
    FOREIGN KEY (tenant_id) REFERENCES tenant (id);
ALTER TABLE telemetry_setting ADD CONSTRAINT telemetry_setting_tenant_exists
    FOREIGN KEY (tenant_id) REFERENCES tenant (id);
ALTER TABLE series ADD CONSTRAINT series_device_exists
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id);

CREATE FUNCTION count_device_deletion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO public.telemetry_setting AS t (tenant_id, deletions) VALUES (new.tenant_id, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET deletions = t.deletions + 1;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION count_device_deletion() FROM PUBLIC;
CREATE TRIGGER device_deletion_counted AFTER UPDATE OF deleted_at ON device
FOR EACH ROW WHEN (old.deleted_at IS NULL AND new.deleted_at IS NOT NULL) EXECUTE FUNCTION count_device_deletion();

CREATE FUNCTION count_new_series() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO public.telemetry_setting AS t (tenant_id, series_count)
    SELECT a.tenant_id, count(*) FROM added a GROUP BY a.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE SET series_count = t.series_count + excluded.series_count;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION count_new_series() FROM PUBLIC;
CREATE TRIGGER new_series_counted AFTER INSERT ON series
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_new_series();
"""

DROP_DEVICES = """
DROP TRIGGER new_series_counted ON series;
DROP FUNCTION count_new_series();
DROP TRIGGER device_deletion_counted ON device;
DROP FUNCTION count_device_deletion();
ALTER TABLE series DROP CONSTRAINT series_device_exists;
ALTER TABLE telemetry_setting DROP CONSTRAINT telemetry_setting_tenant_exists;
ALTER TABLE device DROP CONSTRAINT device_tenant_exists;
DROP SEQUENCE series_id;
"""
