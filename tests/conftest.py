"""What the tests share: the real reviews, the built book, a browser, and a closing summary.

A test puts a line into the summary that closes the run in one of two ways, both of which also work
when pytest-xdist spreads the tests over workers:

- ``record_property("figures", "line")``, with pytest's own fixture;
- a list of lines ``EQUALITY_SUMMARY`` at the top of its module, filled while its tests run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tools.chromium import find_chromium

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
FIGURES = "figures"
LINES = pytest.StashKey[list[str]]()


@pytest.fixture(autouse=True)
def _own_process_settings() -> Iterator[None]:
    """Start from one seed, and undo what the command line sets for its process."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def _processor_as_told() -> None:
    """Fail where a run that means to be on another kind of processor is on the real one."""
    found = torch.backends.cpu.get_cpu_capability()
    assert os.environ.get("PROCESSOR", found) == found


@pytest.fixture(scope="session")
def imdb_archive() -> Path:
    """The real IMDB archive, named by the environment variable IMDB_ARCHIVE."""
    path = os.environ.get("IMDB_ARCHIVE")
    if not path:
        pytest.skip("IMDB_ARCHIVE is not set: the tests on the real reviews need it")
    return Path(path)


@pytest.fixture(scope="session")
def html() -> Path:
    """The folder of the built book."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run `make book` first")
    return HTML


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium that may not reach the network."""
    path = find_chromium()
    if path is None:
        message = "no Chromium: install chromium or google-chrome, or name one in CHROMIUM"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tab(browser) -> object:
    """The tab for all pages, one after the other: a new one would compile every script again."""
    tab = browser.new_page()
    tab.add_init_script("localStorage.clear(); sessionStorage.clear()")
    return tab


@pytest.fixture
def open_page(browser, tab, html) -> Iterator:
    """A function that opens a page of the book; what the page complained of fails the test.

    It opens in the one tab, which stays open, with a new tab's viewport and nothing stored; or in
    a tab of its own, for those who stop the clock, which nobody can start again.
    """
    complaints, own_tabs = [], []

    def complain(error: object) -> None:
        complaints.append(str(error))

    def open_page(name: str, motion: str = "no-preference", own_tab: bool = False) -> object:
        page = browser.new_page() if own_tab else tab
        if own_tab:
            own_tabs.append(page)
            page.on("pageerror", complain)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(media="screen", reduced_motion=motion)
        page.goto((html / name).as_uri(), wait_until="load")
        return page

    tab.on("pageerror", complain)
    yield open_page
    tab.remove_listener("pageerror", complain)
    for page in own_tabs:
        page.close()
    assert complaints == []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Collect the lines of the test modules; a worker hands its own to the main process."""
    modules = {getattr(item, "module", None) for item in getattr(session, "items", [])}
    lists = {id(found): found for m in modules if (found := getattr(m, "EQUALITY_SUMMARY", None))}
    lines = [str(line) for found in lists.values() for line in found]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[FIGURES] = lines
    else:
        session.config.stash.setdefault(LINES, []).extend(lines)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take the lines over from a pytest-xdist worker that has finished."""
    lines = getattr(node, "workeroutput", {}).get(FIGURES, [])
    node.config.stash.setdefault(LINES, []).extend(lines)


def pytest_terminal_summary(terminalreporter: object, config: pytest.Config) -> None:
    """Print what the tests measured, below the dots and above the closing line."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    recorded = [
        str(value)
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == FIGURES
    ]
    if lines := sorted(recorded + config.stash.get(LINES, [])):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
