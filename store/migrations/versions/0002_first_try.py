"""When a mail was tried first: from then on its 72 hours count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the instant; mails that wait count from their next try."""
    op.add_column("mails", sa.Column("first_try", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take the instant away."""
    op.drop_column("mails", "first_try")
