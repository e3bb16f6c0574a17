"""What all tests share: the hypothesis profile, and a table that every test finds as it was."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from autograd import __native__
from autograd.primitives import TABLE

# Where the tests run in the background, Ctrl-C is ignored from the start; tests and the programs they start mean it.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("default", deadline=None)  # a shared machine stalls now and then: no test is about time
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _table_restored() -> Iterator[None]:
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not __native__:
        reason = "trains for many minutes where the engine is interpreted; the compiled engine's tests run it"
        for item in items:
            if item.get_closest_marker("trains"):
                item.add_marker(pytest.mark.skip(reason=reason))
