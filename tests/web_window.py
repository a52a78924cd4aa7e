"""The device's page in a real browser: logged in, sized, read and pressed."""

import base64
import itertools
from importlib.resources import files

import pytest

from opened_pages import browser_window, click, text, texts, until
from web_world import PASSWORD, Device, served

WIDTHS = {"phone": 390, "desktop": 1280}
APPEARANCES = ("light", "dark")
AUDIT = """
const done = arguments[arguments.length - 1];
axe.run({resultTypes: ['violations']}).then((found) => done(found.violations.map(
  (v) => [v.impact, v.id, v.nodes.length, v.nodes[0].html.slice(0, 200),
          v.nodes[0].any.map((a) => a.message).join('; ')])));
"""
OVERFLOWING = """
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter((e) => {
  const box = e.getBoundingClientRect();
  const shown = e.checkVisibility() && box.width && !e.closest('.parts, .viewer-body, .hidden');
  return shown && box.right > wide + 1;
}).map((e) => e.outerHTML.slice(0, 120));
"""
LOADS = itertools.count()
CLEAR = "localStorage.clear(); sessionStorage.clear();"


class Page:
    """One window on one device."""

    def __init__(self, window, device, address):
        self.window, self.device, self.address = window, device, address
        self.width, self.appearance = 1280, "light"

    def open(self, place="", *, width=None, appearance=None, language="en"):
        """Load the page anew; what is not given stays as it was."""
        self.width, self.appearance = width or self.width, appearance or self.appearance
        width, appearance = self.width, self.appearance
        height = 844 if width < 500 else 900
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        media = {"features": [{"name": "prefers-color-scheme", "value": appearance}]}
        self.window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.window.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        agent = self.run("return navigator.userAgent")
        spoken = {"userAgent": agent, "acceptLanguage": language}
        self.window.execute_cdp_cmd("Emulation.setUserAgentOverride", spoken)
        # The browser goes on while it loads: what was open before has no part in what follows.
        self.run("window.before = true")
        self.window.get(f"{self.address}/?{next(LOADS)}#/{place}")
        loaded = "return !window.before && !!document.querySelector('main h1')"
        assert until(lambda: self.run(loaded)), place
        self.shows("main h1")

    def admit(self, name="ada", place="", **more):
        """Open a view as somebody who logged in before."""
        self.device.sessions["admitted"] = name
        cookie = {"name": "sfta_session", "value": "admitted", "url": self.address}
        self.window.execute_cdp_cmd("Network.setCookie", cookie)
        self.open(place, **more)
        self.shows(".view h1, .view h2")

    def enter(self, name="ada", place="", **more):
        """Log in over the page's own form, unless the device has no accounts."""
        self.window.delete_all_cookies()
        self.open(place, **more)
        self.write("[name=name]", name)
        self.write("[name=password]", PASSWORD)
        self.press(".entry button[type=submit]")
        self.shows(".views")
        self.shows(".view h1")

    def run(self, script, *arguments):
        return self.window.execute_script(script, *arguments)

    def shows(self, selector, *words):
        """Wait until an element is there, visible, and says these words."""
        script = (
            "const e = document.querySelector(arguments[0]);"
            "return e && e.checkVisibility() ? e.textContent : null"
        )

        def seen():
            found = self.run(script, selector)
            return found is not None and all(word in found for word in words)

        assert until(seen), (selector, words, self.text(selector), self.text("main"))
        return True

    def gone(self, selector):
        script = "return !document.querySelector(arguments[0])?.checkVisibility()"
        assert until(lambda: self.run(script, selector)), selector
        return True

    def text(self, selector):
        return text(self.window, selector)

    def texts(self, selector):
        return texts(self.window, selector)

    def press(self, selector):
        """Click as a pointer does, which moves the focus first."""
        self.shows(selector)
        self.run("document.querySelector(arguments[0]).focus()", selector)
        click(self.window, selector)

    def write(self, selector, value):
        self.shows(selector)
        field = self.window.find_element("css selector", selector)
        field.clear()
        field.send_keys(value)

    def ask(self, question):
        self.write("#question", question)
        self.press(".send")

    def answered(self, question):
        """Ask and wait until the newest card is done."""
        self.ask(question)
        self.shows(".card:first-child[data-state=done]", question)

    def upload(self, name, content, *, drop=False):
        """Choose a file with the button, or drop it on the page."""
        script = """
        const [name, text, drop] = arguments;
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        if (drop) {
          const event = {dataTransfer: data, bubbles: true, cancelable: true};
          document.body.dispatchEvent(new DragEvent('dragover', event));
          document.body.dispatchEvent(new DragEvent('drop', event));
        } else {
          const input = document.querySelector('.drop input');
          input.files = data.files;
          input.dispatchEvent(new Event('change'));
        }
        """
        self.shows(".drop")
        self.run(script, name, content.decode("latin-1"), drop)

    def focused(self):
        return self.run("return document.activeElement.outerHTML.slice(0, 300)")

    def picture(self, path):
        shot = self.window.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        path.write_bytes(base64.b64decode(shot["data"]))

    def shut_out(self):
        """What axe-core finds that shuts somebody out."""
        if not self.run("return 'axe' in window"):
            source = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
            self.run(source)
        return self.window.execute_async_script(AUDIT)

    def outside(self):
        """Addresses of other origins that the page has asked."""
        script = "return performance.getEntriesByType('resource').map((e) => e.name)"
        return [name for name in self.run(script) if not name.startswith(f"{self.address}/")]

    def errors(self, *expected):
        """Lines of the console but those that hold an expected text."""
        lines = [line["message"] for line in self.window.get_log("browser")]
        return [line for line in lines if not any(word in line for word in expected)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for the tests of a module."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "downloads").mkdir()
    with browser_window(folder / "downloads", folder / "profile") as window:
        window.set_script_timeout(120)
        yield window


@pytest.fixture
def page(browser):
    """The page of a device of its own, nothing opened yet."""
    device = Device()
    with served(device) as address:
        yield Page(browser, device, address)
        device.go.set()
        browser.get("about:blank")
