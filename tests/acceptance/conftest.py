"""A real browser, and the lending office as two servers that it looks at."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests import office as offices
from tests.acceptance.watching import Watching, fill

LENDOFFICE = offices.ROOT / "example" / "lendoffice"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# A browser that asks nobody but the pages that a test opens; as root it has no sandbox of its own.
QUIET = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-quic"]  # fmt: skip


@pytest.fixture(scope="package")  # its event loop must not outlive these tests: others call async_to_sync
def browser():
    if CHROMIUM is None and not os.environ.get("TANDEM_REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine: make acceptance installs it")
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def page(browser):
    """A tab. A script that fails or a message on the console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    yield tab
    context.close()
    assert complaints == []


@pytest.fixture(scope="package")
def lendoffice(tmp_path_factory):
    """The lending office with a little history, both servers up by `tandem up`."""
    name = f"acceptance_{os.getpid()}"
    folder = tmp_path_factory.mktemp("acceptance") / "lendoffice"
    office = offices.Office(folder, offices.make_database(name), project=LENDOFFICE)
    for words in (("migrate", "--verbosity", "0"), ("seed", "--loans", "120")):
        done = office.tandem("manage", *words)
        assert done.returncode == 0, done.stderr
    up = office.start("up")
    up.says("Ctrl-C")
    yield office
    assert up.stop() == 0
    office.close()
    offices.drop_database(name)


@pytest.fixture(scope="package")
def grace(browser, lendoffice):
    """A superuser of the lending office who has logged in."""
    return Watching(browser, lendoffice)


@pytest.fixture(scope="module")
def made_up(grace):
    """What a module writes for somebody to look at is gone afterwards, and nothing is paused: others work there."""
    yield
    with grace.database() as connection:
        fill(connection, "empty")
