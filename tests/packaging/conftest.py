"""The PostgreSQL that the commands of the Compose file run on."""

from __future__ import annotations

from tests.postgres import empty_postgres_url

__all__ = ["empty_postgres_url"]
