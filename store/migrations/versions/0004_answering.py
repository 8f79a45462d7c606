"""Visits behind links: a browser's session row with its draft, and when a new link was last sent on request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _visits()
    _fresh_links()


def downgrade() -> None:
    """Open visits and their drafts end; everybody opens their link again."""
    op.drop_table("fresh_links")
    op.drop_index(op.f("ix_visits_expires"), table_name="visits")
    op.drop_table("visits")


def _visits() -> None:
    op.create_table(
        "visits",
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("link_expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session", "case_id", "step", name=op.f("pk_visits")),
    )
    op.create_index(op.f("ix_visits_expires"), "visits", ["expires"], unique=False)


def _fresh_links() -> None:
    op.create_table(
        "fresh_links",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "step", "party", name=op.f("pk_fresh_links")),
    )
