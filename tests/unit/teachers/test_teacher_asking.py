"""Asking for many replies: in order, at once, each paid for once, within a budget."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_budget import Budget, Price, Tokens
from sfta.adapters.teacher_replies import Reply, ReplyFolder, reply_key
from sfta_edge.errors import SftaError, ToolError

MOST = Tokens(50, 50)


@dataclass
class FakeTeacher:
    """Replies after a few turns of the event loop; `costs` says what a text costs."""

    concurrency: int = 3
    costs: dict = field(default_factory=dict)
    failing: str = ""
    turns: dict = field(default_factory=dict)
    until: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    finished: list = field(default_factory=list)
    retries: int = 0
    stopped: bool = False

    def identity(self, request):
        return ["fake", text_of(request)]

    def most(self, _request):
        return MOST

    @asynccontextmanager
    async def opened(self):
        yield

    def stop(self):
        self.stopped = True

    async def ask(self, request):
        text = text_of(request)
        self.asked.append(text)
        for _ in range(self.turns.get(text, 1)):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while not self.until.get(text, lambda: True)():  # noqa: ASYNC110 no event tells
                await asyncio.sleep(0)
        if text == self.failing:
            raise ToolError(f"{text} failed")
        self.finished.append(text)
        cost = self.costs.get(text, Tokens(6, 4))
        return Reply("ok", f"reply to {text}", cost.prompt, cost.completion)


def text_of(request):
    return request.messages[0]["content"]


def requests(*texts):
    return [Request([{"role": "user", "content": text}]) for text in texts]


def run(teacher, folder, texts, **settings):
    found = {}
    usage = ask_all(
        teacher, requests(*texts), ReplyFolder(folder), found.__setitem__, **settings
    )
    return [found[place] for place in range(len(texts))], usage


def test_each_place_gets_the_reply_to_its_request(tmp_path):
    texts = [f"t{n}" for n in range(20)]
    teacher = FakeTeacher(turns={text: n * 7 % 5 for n, text in enumerate(texts)})
    replies, usage = run(teacher, tmp_path, texts)
    assert [reply.text for reply in replies] == [f"reply to {text}" for text in texts]
    assert teacher.asked == texts
    assert usage.requests == 20


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_the_same_request_is_made_once_even_while_it_is_in_flight(tmp_path, concurrency):
    texts = ["a", "b", "a", "a", "c", "b"]
    teacher = FakeTeacher(concurrency, turns={"a": 50})
    replies, usage = run(teacher, tmp_path, texts)
    assert sorted(teacher.asked) == ["a", "b", "c"]
    assert [reply.text[-1] for reply in replies] == texts
    assert (usage.requests, usage.repeated, usage.tokens.total) == (3, 3, 30)


def test_a_second_run_asks_nothing(tmp_path):
    run(FakeTeacher(), tmp_path, ["a", "b"])
    teacher = FakeTeacher()
    replies, usage = run(teacher, tmp_path, ["b", "a"])
    assert teacher.asked == []
    assert all(reply.cached for reply in replies)
    assert (usage.from_disk, usage.tokens.total) == (2, 20)


def test_a_reply_is_on_disk_before_it_is_used(tmp_path):
    folder, seen = ReplyFolder(tmp_path), []
    ask_all(
        FakeTeacher(), requests("a", "b", "c"), folder,
        lambda _, reply: seen.append(folder.get(reply_key(["fake", reply.text[-1]]))),
    )  # fmt: skip
    assert sorted(kept.text[-1] for kept in seen) == ["a", "b", "c"]


def test_the_next_request_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    teacher, written = FakeTeacher(concurrency=1), threading.Event()
    teacher.until = {"b": lambda: written.set() or True}
    put = ReplyFolder.put

    def slow(folder, key, reply):
        assert written.wait(60) or reply.text != "reply to a"
        put(folder, key, reply)

    monkeypatch.setattr(ReplyFolder, "put", slow)
    replies, _ = run(teacher, tmp_path, ["a", "b"])
    assert [reply.text for reply in replies] == ["reply to a", "reply to b"]


def test_a_disk_that_fills_up_ends_the_run_and_begins_nothing_more(tmp_path, monkeypatch):
    put = ReplyFolder.put

    def full(folder, key, reply):
        if reply.text == "reply to t3":
            raise SftaError("no space left")
        put(folder, key, reply)

    monkeypatch.setattr(ReplyFolder, "put", full)
    teacher = FakeTeacher(concurrency=1)
    with pytest.raises(SftaError, match="no space left"):
        run(teacher, tmp_path, [f"t{n}" for n in range(30)])
    assert teacher.asked[:4] == ["t0", "t1", "t2", "t3"]
    assert len(teacher.asked) <= 5


def test_a_failure_begins_nothing_more_and_keeps_what_is_in_flight(tmp_path):
    texts = [f"t{n}" for n in range(30)]
    # It fails when the other two are in flight, and they end after that.
    teacher = FakeTeacher(failing="t4")
    teacher.until = {
        "t3": lambda: teacher.stopped,
        "t4": lambda: {"t3", "t5"} <= set(teacher.asked),
        "t5": lambda: teacher.stopped,
    }
    with pytest.raises(ToolError, match="t4 failed"):
        run(teacher, tmp_path, texts)
    assert teacher.stopped
    assert {"t3", "t5"} <= set(teacher.finished)
    assert len(teacher.asked) <= 8
    kept = ReplyFolder(tmp_path)
    assert all(kept.get(reply_key(["fake", text])) for text in teacher.finished)


def test_a_failure_does_not_wait_for_a_budget_that_nobody_frees(tmp_path):
    teacher = FakeTeacher(failing="b", turns={"b": 5})
    with pytest.raises(ToolError, match="b failed"):
        run(teacher, tmp_path, ["a", "b", "c", "d"], budget=Budget(tokens=205))


def test_a_full_disk_ends_the_run_with_what_to_do(tmp_path, monkeypatch):
    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfta.adapters.teacher_replies.write_durably", full)
    with pytest.raises(SftaError, match="No space left") as caught:
        run(FakeTeacher(), tmp_path, ["a"])
    assert "--cache" in caught.value.hint


@pytest.mark.parametrize(
    "damage",
    [b"{broken", b"[]", b"{}", b'{"status":"ok","text":3,"prompt_tokens":1,"completion_tokens":1}',
     b'{"status":"odd","text":"","prompt_tokens":1,"completion_tokens":1}'],
)  # fmt: skip
def test_a_damaged_reply_is_asked_for_again(tmp_path, damage):
    run(FakeTeacher(), tmp_path, ["a"])
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(damage)
    (reply,), _ = run(FakeTeacher(), tmp_path, ["a"])
    assert not reply.cached


def test_a_budget_stops_before_it_is_passed_and_says_which(tmp_path):
    texts = [f"t{n}" for n in range(40)]
    replies, usage = run(FakeTeacher(), tmp_path, texts, budget=Budget(tokens=220))
    statuses = [reply.status for reply in replies]
    # 13 replies of 10 tokens, and no room for the 100 that another could cost.
    assert statuses == ["ok"] * 13 + ["not_asked"] * 27
    assert (usage.tokens.total, usage.not_asked, usage.stopped_by) == (130, 27, "tokens")


def test_money_is_a_limit_too(tmp_path):
    price = Price(prompt=10_000.0, completion=30_000.0, currency="USD")
    budget = Budget(money=3.0, price=price)
    _, usage = run(FakeTeacher(), tmp_path, [f"t{n}" for n in range(40)], budget=budget)
    assert usage.stopped_by == "money"
    assert 0 < price.of(usage.tokens) <= 3.0
    assert price.of(Tokens(1_000_000, 0)) == 10_000.0


def test_a_budget_too_small_for_one_request_asks_nothing(tmp_path):
    teacher = FakeTeacher()
    _, usage = run(teacher, tmp_path, ["a", "b"], budget=Budget(tokens=99))
    assert (teacher.asked, usage.not_asked) == ([], 2)


costs = st.lists(
    st.builds(Tokens, st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=14
)


@settings(max_examples=20, deadline=None)
@given(costs, st.integers(50, 900), st.integers(1, 9), st.data())
def test_what_a_budget_admits_does_not_depend_on_timing_or_interruptions(
    tmp_path_factory, costs, limit, concurrency, data
):
    texts = [f"t{n}" for n in range(len(costs))]
    named = dict(zip(texts, costs, strict=True))
    turns = {text: data.draw(st.integers(0, 6)) for text in texts}
    budget = Budget(tokens=limit)
    alone, _ = run(FakeTeacher(1, named), tmp_path_factory.mktemp("a"), texts, budget=budget)
    folder = tmp_path_factory.mktemp("b")
    run(FakeTeacher(2, named), folder, texts[: len(texts) // 2], budget=budget)
    teacher = FakeTeacher(concurrency, named, turns=turns)
    resumed, usage = run(teacher, folder, texts, budget=budget)
    assert [r.status for r in resumed] == [r.status for r in alone]
    assert usage.tokens.total <= limit
