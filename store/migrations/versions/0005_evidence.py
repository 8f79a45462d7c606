"""Evidence: the log with its receipts and checkpoints, contents sealed by person, erasures; who signs in to audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TABLES = (
    "samples",
    "sessions",
    "users",
    "receipts",
    "log_checkpoints",
    "log_nodes",
    "log_entries",
    "erasures",
    "person_keys",
)


def upgrade() -> None:
    """Make the tables; what is kept already stays unsealed."""
    op.add_column("contents", sa.Column("case_id", sa.String(), server_default=sa.text("''"), nullable=False))
    op.create_index(op.f("ix_contents_case_id"), "contents", ["case_id"], unique=False)
    op.add_column("contents", sa.Column("sealed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("contents", sa.Column("erased", INSTANT, nullable=True))
    _persons()
    _log()
    _users()
    found = ["opened", "id", "programme", "format", "requesting", "partner", "phase", "ending"]
    op.create_index("ix_cases_finding", "cases", found, unique=False)


def downgrade() -> None:
    """Signatures and the log are lost, and with them what proves the cases; sealed contents cannot be read any more.

    Raises:
        RuntimeError: there are sealed or erased contents.
    """
    found = sa.text("SELECT count(*) FROM contents WHERE sealed OR erased IS NOT NULL")
    if op.get_bind().execute(found).scalar():
        raise RuntimeError("contents are sealed or erased; the schema before knew neither, and could not read them")
    op.drop_index("ix_cases_finding", table_name="cases")
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("contents", "erased")
    op.drop_column("contents", "sealed")
    op.drop_index(op.f("ix_contents_case_id"), "contents")
    op.drop_column("contents", "case_id")


def _persons() -> None:
    op.create_table(
        "person_keys",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_person_keys")),
    )
    op.create_table(
        "erasures",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_case_id"), "erasures", ["case_id"], unique=False)


def _log() -> None:
    op.create_table(
        "log_entries",
        sa.Column("index", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_log_entries_kind_ref")),
    )
    op.create_index(op.f("ix_log_entries_case_id_index"), "log_entries", ["case_id", "index"], unique=False)
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_log_nodes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", NUMBER, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoints")),
    )
    op.create_table(
        "receipts",
        sa.Column("response", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("index", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("response", name=op.f("pk_receipts")),
        sa.UniqueConstraint("index", name=op.f("uq_receipts_index")),
    )
    op.create_index(op.f("ix_receipts_case_id"), "receipts", ["case_id"], unique=False)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("disabled", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("seen", INSTANT, nullable=False),
        sa.Column("expires", INSTANT, nullable=False),
        sa.Column("revoked", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_sessions_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"], unique=False)
    op.create_table(
        "samples",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("listing", sa.String(length=64), nullable=False),
        sa.Column("cases", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["listing"], ["contents.sha256"], name=op.f("fk_samples_listing")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
    )
