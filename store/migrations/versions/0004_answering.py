"""Visits behind links: a browser's session row with its draft, and when a new link was last sent on request; keys of the API.

How far each mail got with each of its receivers, and what came back to it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MAILS = sa.table(
    "mails",
    *(sa.column(name) for name in ("message_id", "state", "reply", "error")),
    *(sa.column(name, sa.JSON) for name in ("cc", "link_facts")),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("queued", "next_try", "accepted")),
)
DELIVERIES = sa.table(
    "deliveries",
    *(sa.column(name) for name in ("message_id", "rank", "party", "state", "reply")),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("next_try", "at", "told")),
)


def upgrade() -> None:
    """Make the tables."""
    _visits()
    _fresh_links()
    _deliveries()
    _replies()
    _tokens()


def downgrade() -> None:
    """Open visits and their drafts end; everybody opens their link again. Keys of the API are to be issued anew.

    Of a mail is known how far it got with its first receiver.
    """
    op.drop_table("replies")
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_mails_next_try"), table_name="mails")
    op.drop_index(op.f("ix_steps_escalated_to_state"), table_name="steps")
    op.drop_index(op.f("ix_tokens_institution"), table_name="tokens")
    op.drop_table("tokens")
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
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("code_sent", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("proved", sa.DateTime(timezone=True), nullable=True),
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


def _tokens() -> None:
    """Keys of the API; what is put to an institution is also found by where it was escalated to."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["institution"], ["institutions.code"], name=op.f("fk_tokens_institution")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tokens_sha256")),
    )
    op.create_index(op.f("ix_tokens_institution"), "tokens", ["institution"], unique=False)
    op.create_index(op.f("ix_steps_escalated_to_state"), "steps", ["escalated_to", "state"], unique=False)


def _deliveries() -> None:
    """A row a receiver; copies of a mail that was accepted count as accepted, those of others as the mail itself."""
    op.create_index(op.f("ix_mails_next_try"), "mails", ["next_try"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["mails.message_id"], name=op.f("fk_deliveries_message_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", "rank", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_state_told"), "deliveries", ["state", "told"], unique=False)
    rows = [
        {
            "message_id": mail.message_id,
            "rank": rank,
            "party": (mail.link_facts or {}).get("party", ""),
            "state": mail.state,
            "next_try": mail.next_try,
            "reply": mail.error or mail.reply,
            "at": mail.accepted or mail.queued,
            "told": None,
        }
        for mail in op.get_bind().execute(sa.select(MAILS))
        for rank in range(1 + len(mail.cc or ()))
    ]
    if rows:
        op.bulk_insert(DELIVERIES, rows)


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("auto", sa.Boolean(), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["content"], ["contents.sha256"], name=op.f("fk_replies_content")),
        sa.PrimaryKeyConstraint("content", name=op.f("pk_replies")),
    )
    op.create_index(op.f("ix_replies_case_id_received"), "replies", ["case_id", "received"], unique=False)
