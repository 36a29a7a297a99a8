"""The tables of batches that are taken in first and loaded later."""

from __future__ import annotations

from typing import Final

from django.db import migrations, models

TABLES: Final = (
    migrations.CreateModel(
        name="Intake",
        fields=[
            ("created_at", models.DateTimeField()),
            ("updated_at", models.DateTimeField()),
            ("version", models.IntegerField()),
            (
                "pk",
                models.CompositePrimaryKey(
                    "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("tenant_id", models.UUIDField()),
            ("id", models.UUIDField()),
            ("status", models.CharField(max_length=16)),
            ("form", models.CharField(max_length=16)),
            ("precision", models.CharField(max_length=16)),
            ("device", models.CharField(max_length=200, null=True)),
            ("metric", models.CharField(max_length=200, null=True)),
            ("mode", models.CharField(max_length=16)),
            ("size_bytes", models.BigIntegerField()),
            ("accepted", models.BigIntegerField(null=True)),
            ("duplicate", models.BigIntegerField(null=True)),
            ("conflict", models.BigIntegerField(null=True)),
            ("rejected", models.BigIntegerField(null=True)),
            ("refusal_code", models.CharField(max_length=64, null=True)),
            ("refusal_detail", models.CharField(max_length=500, null=True)),
            ("faults", models.TextField()),
        ],
        options={
            "db_table": "intake",
            "indexes": [
                models.Index(
                    condition=models.Q(("status", "waiting")),
                    fields=["tenant_id", "id"],
                    include=["size_bytes"],
                    name="intake_waiting",
                )
            ],
            "constraints": [
                models.CheckConstraint(condition=models.Q(("version__gte", 1)), name="intake_version_from_1")
            ],
        },
    ),
    migrations.CreateModel(
        name="IntakeBody",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "tenant_id",
                    "intake_id",
                    "place",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("tenant_id", models.UUIDField()),
            ("intake_id", models.UUIDField()),
            ("place", models.IntegerField()),
            ("piece", models.BinaryField()),
        ],
        options={"db_table": "intake_body"},
    ),
)

# A body is written before its intake, in the same transaction: the event comes last, so that readers of the log wait
# for nothing. The pieces are packed already, so PostgreSQL need not try.
INTAKES: Final = """
ALTER TABLE intake ADD CONSTRAINT intake_tenant_exists
    FOREIGN KEY (tenant_id) REFERENCES tenant (id);
ALTER TABLE intake_body ADD CONSTRAINT intake_body_intake_exists
    FOREIGN KEY (tenant_id, intake_id) REFERENCES intake (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE intake_body ALTER COLUMN piece SET STORAGE EXTERNAL;
"""

DROP_INTAKES: Final = """
ALTER TABLE intake_body DROP CONSTRAINT intake_body_intake_exists;
ALTER TABLE intake DROP CONSTRAINT intake_tenant_exists;
"""
