"""What every test finds: logs as they are before anybody configures them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """A command run in this process configures logs for itself only."""
    yield
    structlog.reset_defaults()
