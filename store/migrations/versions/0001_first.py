"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "contents",
    "persons",
    "archive",
    "counters",
    "launches",
    "cases",
    "steps",
    "transitions",
    "inbox",
    "mails",
    "countries",
    "days",
    "institutions",
    "contacts",
    "focal_points",
    "themes",
    "practices",
)


def upgrade() -> None:
    """Make the tables."""
    _contents_and_people()
    _numbers()
    _cases()
    _answers()
    _mails()
    _places()
    _institutions()
    _knowledge()


def downgrade() -> None:
    """Drop the tables, those that refer to others first."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _contents_and_people() -> None:
    op.create_table(
        "contents",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_contents")),
    )
    op.create_index(op.f("ix_contents_person"), "contents", ["person"], unique=False)
    op.create_table(
        "persons",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("function", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("gender", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
    )
    op.create_index(op.f("ix_persons_case_id"), "persons", ["case_id"], unique=False)
    op.create_table(
        "archive",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["contents.sha256"], name=op.f("fk_archive_sha256")),
        sa.PrimaryKeyConstraint("case_id", "run_id", name=op.f("pk_archive")),
    )


def _numbers() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "launches",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened", INSTANT, nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_launches")),
        sa.UniqueConstraint("key", name=op.f("uq_launches_key")),
    )
    op.create_index(op.f("ix_launches_state"), "launches", ["state"], unique=False)


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("requesting", sa.String(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("waiting_for", sa.JSON(), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened", INSTANT, nullable=False),
        sa.Column("ended", INSTANT, nullable=True),
        sa.Column("next_instant", INSTANT, nullable=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_ending_opened"), "cases", ["ending", "opened"], unique=False)
    op.create_index(op.f("ix_cases_next_instant"), "cases", ["next_instant"], unique=False)
    op.create_index(op.f("ix_cases_opened"), "cases", ["opened"], unique=False)
    op.create_table(
        "steps",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("escalated_to", sa.String(), nullable=False),
        sa.Column("opened", INSTANT, nullable=False),
        sa.Column("due", INSTANT, nullable=True),
        sa.Column("closes", INSTANT, nullable=True),
        sa.Column("next_instant", INSTANT, nullable=True),
        sa.Column("closed", INSTANT, nullable=True),
        sa.Column("option", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_steps_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id", "id", name=op.f("pk_steps")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_steps_asked_state"), "steps", ["asked", "state"], unique=False)
    op.create_table(
        "transitions",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", NUMBER, nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_transitions_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_transitions")),
        sqlite_with_rowid=False,
    )


def _answers() -> None:
    op.create_table(
        "inbox",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("response", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("received", INSTANT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_inbox")),
        sa.UniqueConstraint("response", name=op.f("uq_inbox_response")),
    )
    op.create_index(op.f("ix_inbox_case_id_step"), "inbox", ["case_id", "step"], unique=False)
    op.create_index(op.f("ix_inbox_state_number"), "inbox", ["state", "number"], unique=False)


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("letter", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cc", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("link_facts", sa.JSON(), nullable=False),
        sa.Column("queued", INSTANT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", INSTANT, nullable=True),
        sa.Column("leased_until", INSTANT, nullable=True),
        sa.Column("accepted", INSTANT, nullable=True),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["content"], ["contents.sha256"], name=op.f("fk_mails_content")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_mails")),
    )
    op.create_index(op.f("ix_mails_case_id_queued"), "mails", ["case_id", "queued"], unique=False)
    op.create_index(op.f("ix_mails_state_next_try"), "mails", ["state", "next_try"], unique=False)


def _places() -> None:
    op.create_table(
        "countries",
        sa.Column("iso2", sa.String(length=2), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("weekend", sa.JSON(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("communities", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("iso2", name=op.f("pk_countries")),
    )
    op.create_table(
        "days",
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["country"], ["countries.iso2"], name=op.f("fk_days_country")),
        sa.PrimaryKeyConstraint("country", "day", name=op.f("pk_days")),
    )


def _institutions() -> None:
    op.create_table(
        "institutions",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["country"], ["countries.iso2"], name=op.f("fk_institutions_country")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_institutions")),
    )
    op.create_index(op.f("ix_institutions_country"), "institutions", ["country"], unique=False)
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
    op.create_table(
        "focal_points",
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["country"], ["countries.iso2"], name=op.f("fk_focal_points_country")),
        sa.ForeignKeyConstraint(["institution"], ["institutions.code"], name=op.f("fk_focal_points_institution")),
        sa.PrimaryKeyConstraint("country", name=op.f("pk_focal_points")),
    )


def _knowledge() -> None:
    op.create_table(
        "themes",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_themes")),
    )
    op.create_table(
        "practices",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("theme", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("titles", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["theme"], ["themes.code"], name=op.f("fk_practices_theme")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_practices")),
    )
