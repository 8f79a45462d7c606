"""What every test finds: logs as they are before anybody configures them, and a limit to how long it may stand still."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import structlog

LIMIT_SECONDS, AGAIN_SECONDS = 300.0, 30.0


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """A command run in this process configures logs for itself only."""
    yield
    structlog.reset_defaults()


def _broken_off(_: int, __: FrameType | None) -> None:
    """Say what is being waited for, and give up."""
    try:
        waiting = asyncio.all_tasks()
    except RuntimeError:
        waiting = set()
    for task in waiting:
        task.print_stack(file=sys.stderr)
    pytest.fail(f"stood still for {LIMIT_SECONDS:.0f} seconds")


@contextmanager
def _limited(item: pytest.Item) -> Iterator[None]:
    """A part of a test that takes too long is broken off, and whatever then stands still in its ending too."""
    if item.get_closest_marker("soak"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _broken_off)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end: no collection of garbage need look through them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """What a test needs is made in time."""
    with _limited(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test ends in time."""
    with _limited(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """What a test used is put away in time."""
    with _limited(item):
        return (yield)
