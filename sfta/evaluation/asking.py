"""Asking one model, through the code that answers on the device."""

import json
import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sfta.core.progress import task
from sfta.evaluation.arms import Arm, Reply, ask_arm
from sfta.evaluation.calibration import Calibration, Margin, fit_bias
from sfta.evaluation.cases import Case
from sfta.evaluation.judgement import judge
from sfta.evaluation.kept_replies import KeptReplies
from sfta.evaluation.machine import resident_bytes
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.quote_weights import WeighedRow, fit_weights
from sfta_edge.answer import (
    Answer,
    ParallelEngine,
    StreamingEngine,
    answer_many,
    stream_from_chunks,
    weigh_quotes,
)
from sfta_edge.generation import drain
from sfta_edge.lanes import in_lanes
from sfta_edge.manifest import canonical_json, write_durably
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import Similar, choose, opening
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings, Weights

Item = tuple[str, str, Sequence[Chunk]]
"""Question id, question, chunks."""

_MOST = 0.9997  # scores nearer to 0 or 1 say no more, and have no finite logit


@dataclass(frozen=True, slots=True)
class Asker:
    """One model, its prompt contract, the device's settings and its embedder."""

    engine: ParallelEngine
    contract: PromptContract
    settings: AnswerSettings
    similar: Similar

    def ask_many(self, arm: Arm, items: Sequence[Item]) -> list[Reply]:
        """Replies in the order of the items; several are written side by side."""
        asked = [item for item in items if self._is_asked(arm, item)]
        cases = [(chunks, question) for _, question, chunks in asked]
        answers = answer_many(
            self.engine, self.contract, cases, self.settings, similar=self.similar
        )
        found = {
            item[0]: _reply(item, answer) for item, answer in zip(asked, answers, strict=True)
        }
        return [found.get(item[0]) or self._unasked(item) for item in items]

    def ask_alone(self, arm: Arm, items: Sequence[Item]) -> list[Reply]:
        """The same, one after the other, with the time each took."""
        replies = []
        for item in items:
            if not self._is_asked(arm, item):
                replies.append(self._unasked(item))
                continue
            _, question, chunks = item
            # No deadline: a slow machine must not change what is measured as quality.
            settings = replace(self.settings, deadline_seconds=None)
            steps = stream_from_chunks(
                self.engine, self.contract, chunks, question, settings, similar=self.similar
            )
            replies.append(_timed_reply(item, steps))
        return replies

    def margins(
        self, rows: Sequence[Mapping[str, Any]], chunks: Mapping[str, Chunk]
    ) -> list[Margin]:
        """How far a model that writes its quotes is from refusing each RAFT row.

        No answer is written.
        """
        cases = [_shown(row, chunks) for row in rows]
        answers = answer_many(
            self.engine, self.contract, cases, replace(self.settings, max_tokens=1)
        )
        return [
            Margin(_logit(answer.refusal_score), row["completion"] == self.contract.refusal)
            for row, answer in zip(rows, answers, strict=True)
        ]

    def weighed(
        self, rows: Sequence[Mapping[str, Any]], chunks: Mapping[str, Chunk]
    ) -> list[WeighedRow]:
        """What speaks for each sentence of each RAFT row; rows without one are left out."""
        # Both witnesses are heard, whatever they will count.
        settings = replace(self.settings, weights=Weights(similarity=1.0))

        def weigh(lane: StreamingEngine, row: Mapping[str, Any]) -> WeighedRow | None:
            asked = _shown(row, chunks)
            found = weigh_quotes(lane, self.contract, *asked, settings, self.similar)
            if found is None:
                return None
            said = str(row["completion"])
            quoted = [
                index
                for index, candidate in enumerate(found.candidates)
                if said.startswith(opening(candidate, self.contract))
            ]
            refuses = said == self.contract.refusal
            return WeighedRow(found.evidence, quoted[0] if quoted else None, refuses)

        with self.engine.lanes() as lanes:
            return [row for row in in_lanes(lanes, weigh, rows) if row is not None]

    def _is_asked(self, arm: Arm, item: Item) -> bool:
        """The device does not ask its model when the search finds nothing."""
        return bool(item[2]) or arm.context == "closed"

    def _unasked(self, item: Item) -> Reply:
        return Reply(item[0], self.contract.refusal, (), False, 0, 0, 0.0)


def answer_arm(
    asker: Asker, arm: Arm, cases: Sequence[Case], work: Path, timed: int, kept: KeptReplies
) -> tuple[ArmResult, list[Reply]]:
    """Ask and judge one arm; also the replies to the questions that were asked alone.

    Replies are in `work`, and an arm whose replies are all there asks nothing. Those of earlier
    evaluations come from `kept`; the time of an answer is measured anew.
    """
    ask = partial(kept.ask_many, ask_many=partial(asker.ask_many, arm))
    # Questions that read the same stand together: what they read is computed once.
    together = sorted(cases, key=lambda case: [chunk.id for chunk in arm.chunks(case)])
    asked = ask_arm(arm, together, work / f"answers-{arm.name}.jsonl", ask)
    replies = {reply.id: reply for reply in asked}
    ordered = [replies[case.question.id] for case in cases]
    result = judged_arm(arm, cases, ordered, asker.contract)
    # Spread over the benchmark, because neighbours are alike.
    apart = cases[:: max(1, len(cases) // timed)][:timed] if timed else []
    alone = ask_arm(arm, apart, work / f"timed-{arm.name}.jsonl", partial(asker.ask_alone, arm))
    return result, [reply for reply in alone if reply.prompt_tokens]


def judged_arm(
    arm: Arm,
    cases: Sequence[Case],
    replies: Sequence[Reply],
    contract: PromptContract,
    remarks: Sequence[str] = (),
) -> ArmResult:
    """Replies to all cases, in their order, judged by what the arm has read."""
    judged = []
    for case, reply in zip(cases, replies, strict=True):
        context = [chunk for chunk in arm.chunks(case) if chunk.id in reply.given]
        judged.append(
            judge(case, context, reply.completion, contract, truncated=reply.truncated)
        )
    return ArmResult(arm, replies, judged, remarks)


def calibrate(
    asker: Asker, rows: Sequence[Mapping[str, Any]], chunks: Mapping[str, Chunk], kept: Path
) -> Calibration:
    """Fit weights and refusal threshold on RAFT rows; a fit in the file `kept` is used again."""
    if kept.exists():
        facts = json.loads(kept.read_bytes())
        return Calibration(**{**facts, "weights": Weights(**facts["weights"])})
    # Rows that show the same stand together: what they show is computed once.
    rows = sorted(rows, key=lambda row: [place["chunk_id"] for place in row["context"]])
    with task("calibration: rows", len(rows)):
        if asker.settings.choose_quotes:
            found = _fit_chosen(asker.weighed(rows, chunks))
        else:
            found = fit_bias(asker.margins(rows, chunks))
    write_durably(kept, canonical_json(asdict(found)))
    return found


def _fit_chosen(rows: Sequence[WeighedRow]) -> Calibration:
    weights = fit_weights(rows)
    margins = [
        Margin(_logit(choose(row.evidence, weights).refusal_score), row.should_refuse)
        for row in rows
    ]
    return replace(fit_bias(margins), weights=weights)


def _shown(row: Mapping[str, Any], chunks: Mapping[str, Chunk]) -> tuple[Sequence[Chunk], str]:
    return [chunks[place["chunk_id"]] for place in row["context"]], str(row["question"])


def _timed_reply(item: Item, steps: Generator[str, None, Answer]) -> Reply:
    """The reply of an answer that is written now, with what it took."""
    started, times = time.monotonic(), list[float]()
    answer = drain(_noting(steps, times))
    ended = time.monotonic()
    return replace(
        _reply(item, answer),
        milliseconds=_milliseconds(ended - started),
        first_token_ms=_milliseconds((times or [ended])[0] - started),
        resident_bytes=resident_bytes(),
    )


def _noting(
    steps: Generator[str, None, Answer], times: list[float]
) -> Generator[str, None, Answer]:
    """The same steps; when each came is added to `times`."""
    while True:
        try:
            piece = next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        times.append(time.monotonic())
        yield piece


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _reply(item: Item, answer: Answer) -> Reply:
    given = tuple(chunk.id for chunk in item[2] if chunk.id not in answer.dropped)
    return Reply(
        id=item[0],
        completion=answer.completion,
        given=given,
        truncated=answer.finish_reason == "length",
        prompt_tokens=answer.usage["prompt_tokens"],
        answer_tokens=answer.usage["completion_tokens"],
        milliseconds=0.0,
    )


def _logit(score: float | None) -> float:
    bounded = min(max(0.5 if score is None else score, 1 - _MOST), _MOST)
    return math.log(bounded / (1 - bounded))
