"""Appointments with dates in place of contacts, delegations, coordinators; how often somebody let steps lapse is read by index."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

CONTACT = ("institution", "rank", "role", "email", "language")
WITHOUT_DATES = sa.table("contacts", *(sa.column(name) for name in CONTACT))
DATED = sa.table(
    "appointments", *(sa.column(name) for name in ("id", *CONTACT)), *(sa.column(n, sa.Date) for n in ("starts", "ends"))
)


def upgrade() -> None:
    """Make the tables; a contact becomes an appointment without dates, `SN-POSTE/1` by its rank."""
    _appointments()
    contacts = [row._asdict() for row in op.get_bind().execute(sa.select(WITHOUT_DATES))]
    if contacts:
        op.bulk_insert(
            DATED, [{**row, "id": f"{row['institution']}/{row['rank']}", "starts": None, "ends": None} for row in contacts]
        )
    op.drop_table("contacts")
    _delegations()
    _coordinators()
    op.drop_index("ix_steps_asked_state", table_name="steps")
    op.create_index(op.f("ix_steps_asked_state_closed"), "steps", ["asked", "state", "closed"], unique=False)
    op.add_column("cases", sa.Column("event", NUMBER, server_default="0", nullable=False))
    op.add_column("mails", sa.Column("number", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Keep of each rank the one in office today, or who comes first then; the others, delegations and coordinators go."""
    op.drop_column("mails", "number")
    op.drop_column("cases", "event")
    op.drop_index(op.f("ix_steps_asked_state_closed"), table_name="steps")
    op.create_index("ix_steps_asked_state", "steps", ["asked", "state"], unique=False)
    op.drop_table("coordinators")
    op.drop_table("delegations")
    _contacts()
    kept = _in_office(date.today())
    if kept:
        op.bulk_insert(WITHOUT_DATES, kept)
    op.drop_table("appointments")


def _in_office(today: date) -> list[dict[str, object]]:
    """One contact a rank: the last to have begun by today, else the first to begin."""
    found: dict[tuple[str, int], dict[str, object]] = {}
    for row in op.get_bind().execute(sa.select(DATED).order_by(DATED.c.starts.is_not(None), DATED.c.starts, DATED.c.id)):
        key = (row.institution, row.rank)
        if key not in found or row.starts is None or row.starts <= today:
            found[key] = {name: getattr(row, name) for name in CONTACT}
    return list(found.values())


def _appointments() -> None:
    op.create_table(
        "appointments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["institution"], ["institutions.code"], name=op.f("fk_appointments_institution")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
    )
    op.create_index(op.f("ix_appointments_institution"), "appointments", ["institution"], unique=False)


def _delegations() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["institution"], ["institutions.code"], name=op.f("fk_delegations_institution")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    op.create_index(op.f("ix_delegations_institution"), "delegations", ["institution"], unique=False)


def _coordinators() -> None:
    op.create_table(
        "coordinators",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_coordinators")),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institutions.code"], name=op.f("fk_contacts_institution")),
        sa.PrimaryKeyConstraint("institution", "rank", name=op.f("pk_contacts")),
    )
