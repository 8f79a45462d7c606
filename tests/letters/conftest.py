"""The situations in which letters are written: a whole case of each language, on an installation with the reference data."""

from __future__ import annotations

from tests.mail.conftest import clock as clock
from tests.mail.conftest import filing as filing
from tests.mail.conftest import seeded as seeded
from tests.mail.conftest import workplace as workplace
