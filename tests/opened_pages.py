"""Pages of records in a real browser: opened, pressed, read, saved."""

import shutil
import time
from contextlib import contextmanager

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER), reason="no chromium with chromedriver on this system"
    ),
]


@contextmanager
def browser_window(downloads, profile):
    """A browser without a screen that saves files to a folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    # The driver misses the end of loading on a busy machine; `visit` waits for what it needs.
    options.page_load_strategy = "none"
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--window-size=1280,900",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    settings = {
        "download.default_directory": str(downloads),
        # A person presses Save each time; here the second time would wait for permission.
        "profile.default_content_setting_values.automatic_downloads": 1,
    }
    options.add_experimental_option("prefs", settings)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.downloads = downloads
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    """One browser for the tests of a module."""
    folders = tmp_path_factory.mktemp("downloads"), tmp_path_factory.mktemp("profile")
    with browser_window(*folders) as driver:
        yield driver


def visit(window, page):
    """Open the page and wait until its list is drawn; what was open before has no part in it."""
    window.execute_script("window.before = true;")
    window.get(page.as_uri())
    drawn = "return !window.before && document.querySelector('#list li') && true"
    assert until(lambda: window.execute_script(drawn))


@contextmanager
def fresh(window, page):
    """The page as a person finds it who has changed nothing yet; it must log no error."""
    visit(window, page)
    window.execute_script("localStorage.clear(); state.saved = true;")
    visit(window, page)
    yield window
    window.execute_script("state.saved = true;")
    assert [line for line in window.get_log("browser") if line["level"] == "SEVERE"] == []


def text(window, selector):
    return window.execute_script(
        "return document.querySelector(arguments[0])?.textContent", selector
    )


def texts(window, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    return window.execute_script(script, selector)


def press(window, keys):
    window.switch_to.active_element.send_keys(keys)


def click(window, selector):
    window.execute_script("document.querySelector(arguments[0]).click()", selector)


def choose(window, name, value):
    window.execute_script(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'));", name, value,
    )  # fmt: skip


def saved(window, name):
    """Path of what the page saves now."""
    for path in window.downloads.iterdir():
        path.unlink()
    click(window, "#save")
    path = window.downloads / name
    assert until(path.exists)
    return path


def sticks_out(window, width):
    """Points by which the page is wider than a window of this width."""
    window.set_window_size(width, 844)
    wide = window.execute_script("return document.documentElement.scrollWidth - innerWidth")
    window.set_window_size(1280, 900)
    return max(0, wide)


def loaded(window):
    """Everything that the page has asked of a server."""
    return window.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )


def until(condition):
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False
