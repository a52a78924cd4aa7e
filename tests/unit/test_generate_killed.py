"""A run of generate that is killed again and again: the same rows, and nothing paid for twice."""

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fakes import CompletionServer, completion, serving
from sfta.adapters.teacher_replies import ReplyFolder, reply_key

PAGES, KILLS, IN_FLIGHT = 160, 20, 4
# A process of its own, with everything real but the model that embeds.
RUN = """
import json, sys
from pathlib import Path

sys.path[:0] = json.loads(sys.argv[1])
import sfta_edge.embedder
import generated_rows as made
from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, run_stage
from sfta.stages.generate import STAGE

folder, runs, url = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
sfta_edge.embedder.Embedder = made.FakeEmbedder
teacher = {"kind": "openai", "base_url": url, "model": "m", "concurrency": IN_FLIGHT,
           "api_key_env": None}
recipe = made.recipe(teacher=teacher, max_rows=None, filters={"round_trip": "count"})
if not folder.exists():
    made.write_inputs(folder, PAGES)
inputs = {k: Artifact.open(folder / k) for k in ("corpus", "index")}
outcome = run_stage(STAGE, recipe, inputs, Runtime(runs=runs, cache=runs / "cache"))
print(outcome.artifact.path)
""".replace("IN_FLIGHT", str(IN_FLIGHT)).replace("PAGES", str(PAGES))


def written(body, _number):
    text = body["messages"][1]["content"].split("<<<\n")[1].split("\n>>>")[0]
    name, sentence = text.split(" opens")[0].removeprefix("The "), text.split(". ")[0] + "."
    item = {"question": f"At which pressure does the {name} open up?", "quote": sentence,
            "answer": sentence.split(" at ")[1].rstrip(".")}  # fmt: skip
    return completion(json.dumps({"answerable": [item], "unanswerable": []}), tokens=(50, 20))


class Counting(CompletionServer):
    """Also says when the first request of a run has come."""

    def __init__(self):
        super().__init__(written)
        self.latency = 0.03
        self.begun = threading.Event()

    def take(self, path, body, headers):
        self.begun.set()
        return super().take(path, body, headers)


def start(inputs, runs, url):
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(paths), str(inputs), str(runs), url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return Path(out.splitlines()[-1])


def asked(server):
    """What identifies a request, in the order in which the server got them."""
    return [body["messages"][1]["content"] for body in server.seen]


def kept(runs, url, bodies):
    """Requests whose replies lie on disk."""
    from sfta.raft.teaching import SCHEMA

    folder, found = ReplyFolder(runs / "cache/replies"), set()
    for body in bodies:
        plain = {k: v for k, v in body.items() if k != "response_format"}
        if folder.get(reply_key([url, {**plain, "schema": SCHEMA}])):
            found.add(body["messages"][1]["content"])
    return found


@pytest.mark.slow
def test_twenty_kills_change_no_row_and_ask_nothing_twice_that_was_kept(tmp_path):
    moments, server, killed = random.Random(20), Counting(), tmp_path / "killed"
    with serving(server) as url:
        whole = finish(start(tmp_path / "inputs", tmp_path / "whole", url))
        assert len(asked(server)) == len(set(asked(server))) == PAGES
        server.seen.clear()
        paid = set()
        for _ in range(KILLS):
            server.begun.clear()
            before = len(server.seen)
            process = start(tmp_path / "inputs", killed, url)
            assert server.begun.wait(60)
            time.sleep(moments.uniform(0.0, 0.2))
            process.kill()
            process.communicate()
            assert process.returncode == -9
            assert paid.isdisjoint(asked(server)[before:])
            paid = kept(killed, url, server.seen)
        before = len(server.seen)
        again = finish(start(tmp_path / "inputs", killed, url))
        assert paid.isdisjoint(asked(server)[before:])
        assert len(paid) > KILLS
    # What was in flight when the process died has no reply anywhere, and is asked once more: for
    # each place one request, and one whose reply was on its way to the disk.
    assert len(set(asked(server))) == PAGES
    assert len(server.seen) <= PAGES + KILLS * 2 * IN_FLIGHT
    assert again.name == whole.name
    for path in sorted(whole.rglob("*")):
        if path.name != "manifest.json":
            assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    assert digest(again) == digest(whole)


def digest(folder):
    from sfta_edge.manifest import Manifest

    return Manifest.read(folder).digest
