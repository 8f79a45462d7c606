"""One bundle for all tests of it, made once; each test changes copies."""

from __future__ import annotations

from copy import deepcopy

import pytest

from evidence.bundle import bundle_of
from tests.evidence.golden import NOTARY, Known, golden
from tests.evidence.tampering import unzipped

BASE = "nomination-recalled"


@pytest.fixture(scope="session")
def base() -> Known:
    """A case with three runs and an act, as its installation knows it; not to be changed."""
    return golden(BASE)


@pytest.fixture(scope="session")
def bundle(base: Known) -> bytes:
    """Its bundle."""
    return bundle_of(base.material(), NOTARY).data


@pytest.fixture
def known(base: Known) -> Known:
    """The case, to be changed."""
    return deepcopy(base)


@pytest.fixture
def files(bundle: bytes) -> dict[str, bytes]:
    """The files of its bundle, to be changed."""
    return unzipped(bundle)
