"""What all tests share: the hypothesis profile, and a table that every test finds as it was."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from autograd import __native__
from autograd.primitives import TABLE
from tests.browser import chromium, complaints, requests

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, of a module's own."""
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Callable[[Any], Any]:
    """Opens a page: it asks for nothing but itself, and complains of nothing."""

    def open_page(page: Any) -> Any:
        path = tmp_path / "page.html"
        page.save(path)
        requests(browser)
        complaints(browser)
        browser.get(path.as_uri())
        assert requests(browser) == [path.as_uri()]
        assert complaints(browser) == []
        return browser

    return open_page


def pytest_configure(config: pytest.Config) -> None:
    """In a worker of xdist pytest-cov starts two coverages, and pauses one where a test is marked ``no_cover``."""
    plugin: Any = config.pluginmanager.getplugin("_cov")
    if hasattr(config, "workerinput") and plugin is not None and plugin.cov_controller is not None:
        plugin.cov_controller.cov.stop()  # the first, which nobody asks for what it saw


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if many or item.get_closest_marker("long") or item.get_closest_marker("trains"):
            item.add_marker("no_cover")  # coverage takes more than the test itself, and others run the same lines
    if not __native__:
        reason = "trains for many minutes where the engine is interpreted; the compiled engine's tests run it"
        for item in items:
            if item.get_closest_marker("trains"):
                item.add_marker(pytest.mark.skip(reason=reason))
