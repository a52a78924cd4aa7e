"""A small corpus, a search over it, and the rows made of both."""

import pytest

from sfta.raft.candidate import Funnel
from sfta.raft.config import (
    ExtractiveTeacher,
    FilterConfig,
    GenerateConfig,
    PromptConfig,
    SplitConfig,
)
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import Setting, build_rows
from sfta.raft.questions import extractive_candidates
from sfta.raft.splits import assign_splits

PARTS = ("pump", "valve", "cooler", "motor", "filter", "drain", "switch", "relay", "gauge", "fan",
         "belt", "tank")  # fmt: skip


def text_of(number):
    part = PARTS[number % len(PARTS)]
    return (
        f"The main {part} MP-{number} opens at {number + 2}.5 bar. The main {part} MP-{number} "
        f"is cleaned every {number + 1}00 hours. Tighten the cover of the {part} MP-{number} to "
        f"{number + 20} N·m. The main {part} MP-{number} hangs under the roof number {number}."
    )


CHUNKS = [
    CorpusChunk(f"c{n:02d}", f"d{n % 3}", f"Manual {n % 3}", n + 1, n * 900,
                n * 900 + len(text_of(n)), f"{n} Part {n}", text_of(n), n)
    for n in range(24)
]  # fmt: skip
BY_ID = {chunk.id: chunk for chunk in CHUNKS}


def search(questions, top_k):
    """A retriever that counts shared words."""

    def score(question, chunk):
        return len(set(question.casefold().split()) & set(chunk.text.casefold().split()))

    return [
        [c.id for c in sorted(CHUNKS, key=lambda c: (-score(q, c), c.id))][:top_k]
        for q in questions
    ]


def made(**settings):
    config = GenerateConfig(**{
        "split": SplitConfig(group_by="page"),
        "teacher": ExtractiveTeacher(max_uses_per_template=1000),
        "filters": FilterConfig(round_trip="count"), **settings,
    })  # fmt: skip
    setting = Setting(
        BY_ID, assign_splits(CHUNKS, config.split, 7), config, PromptConfig(), 4, 7
    )
    funnel = Funnel()
    candidates, _ = extractive_candidates(CHUNKS, config.teacher, 7)
    return build_rows(candidates, setting, search, funnel), funnel, candidates


@pytest.fixture(scope="module")
def made_rows():
    return made(max_rows=120)[0]
