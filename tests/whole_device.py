"""A device with everything it has, and somebody who calls it."""

import io
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from account_world import CHEAP
from sfta_edge.accounts.passwords import Passwords
from sfta_edge.accounts.rates import Rate
from sfta_edge.answer import Answerer
from sfta_edge.api.admission import AdmissionSettings
from sfta_edge.api.asking import ServeLimits
from sfta_edge.device import Device, DeviceOptions
from sfta_edge.device_app import device_app
from sfta_edge.kept_answers import AnswerKeeper

WORD = "correct horse battery"
OIL = "How often is the oil changed?"
UNHURRIED = AdmissionSettings(questions=Rate(1e9, 1 << 30), uploads=Rate(1e9, 1 << 30))
"""No caller is told to come back later."""
DONE = ("done", "failed", "cancelled")


@contextmanager
def opened_device(bundle, data, **options):
    """A device whose passwords cost nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sfta_edge.accounts.accounts.Passwords", lambda: Passwords(CHEAP))
        with Device.open(bundle, data, DeviceOptions(threads=1, **options)) as device:
            yield device


def without_generator(device):
    """The same device, answering with extracts: what is asked often costs little."""
    old = device.answerer
    answerer = Answerer(None, device.retriever, old.contract, old.settings)
    keeper = AnswerKeeper(
        answerer, device.retriever, device.info.to_json(), device.history, device.audit
    )
    return replace(device, answerer=answerer, keeper=keeper)


def app_of(device, limits=None):
    return device_app(device, limits or ServeLimits(), UNHURRIED)


class Person:
    """A browser of somebody who is logged in; the first one becomes the admin."""

    def __init__(self, device, app, name="anna"):
        self.app, self.name = app, name
        self.client, self.headers = app.test_client(), {}
        if device.accounts.setup.is_open:
            token = device.accounts.setup.begin()
            who = {"token": token, "name": name, "password": WORD}
            self._entered(self.client.post("/v1/setup", json=who))
        else:
            self.enter()

    def enter(self):
        """Log in."""
        who = {"name": self.name, "password": WORD}
        self._entered(self.client.post("/v1/session", json=who))

    def _entered(self, response):
        assert response.status_code in (200, 201), response.json
        self.headers = {"X-CSRF-Token": response.json["csrf"]}

    def call(self, method, path, **sent):
        return self.client.open(path, method=method, headers=self.headers, **sent)

    def ask(self, question=OIL, **more):
        return self.call("POST", "/v1/ask", json={"question": question, **more})

    def upload(self, name, content, **query):
        done = self.call(
            "POST",
            "/v1/documents",
            data=io.BytesIO(content),
            query_string={"name": name, **query},
        )
        assert done.status_code == 202, done.json
        return done.json["job"]["id"]

    def job(self, identity):
        """A job that has ended."""
        for _ in range(1200):
            found = self.call("GET", f"/v1/jobs/{identity}").json
            if found["state"] in DONE:
                return found
            time.sleep(0.05)
        raise AssertionError(found)

    def listed(self, path, what):
        return self.call("GET", path).json[what]
