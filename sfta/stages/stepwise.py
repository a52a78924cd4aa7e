"""A teacher asked in two steps: for the questions of each chunk, then for each one's answer.

Chunks are taken some hundreds at a time, both steps of these before the next ones: a budget that
ends leaves few questions without an answer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sfta.core.stage import Runtime
from sfta.raft import stepwise
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.corpus import CorpusChunk
from sfta.raft.filters import unreadable_reply
from sfta.raft.teacher_config import ModelTeacher
from sfta.recipe import Recipe
from sfta.stages.inquiries import Outcome, Read, ask, asking_order, held, note_usage
from sfta.stages.teachers import budget_of

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Request
    from sfta.adapters.teacher_replies import Reply

_TOGETHER = 256  # chunks
_PRETENDED = "What would a question of about this length be about, and who would ask it, {}?"


@dataclass(frozen=True, slots=True)
class Questioning:
    """Asks for the questions of a chunk; each comes back as a candidate without an answer."""

    chunk: CorpusChunk
    teacher: ModelTeacher

    @property
    def count(self) -> int:
        """Questions that are asked for."""
        return self.teacher.questions_per_chunk + self.teacher.unanswerable_per_chunk

    def request(self) -> "Request":
        from sfta.adapters.teacher_asking import Request

        teacher, schema = self.teacher, stepwise.QUESTIONS_SCHEMA
        if held(teacher):
            schema = stepwise.narrow_questions_schema(self.count)
        messages = stepwise.question_messages(
            self.chunk,
            answerable=teacher.questions_per_chunk,
            unanswerable=teacher.unanswerable_per_chunk,
        )
        return Request(messages, schema if teacher.json_schema else None)

    def read(self, text: str) -> Read | None:
        questions = stepwise.read_questions(text)
        if questions is None:
            return None
        return [
            Candidate(question, "written", self.chunk.id, teacher=self.teacher.model)
            for question in questions
        ], []

    def unread(self, text: str) -> list[Rejected]:
        return [unreadable_reply(text, self.chunk.id, self.teacher.model)] if text else []


@dataclass(frozen=True, slots=True)
class Answering:
    """Asks for the answer to one question."""

    chunk: CorpusChunk
    teacher: ModelTeacher
    question: str

    def request(self) -> "Request":
        from sfta.adapters.teacher_asking import Request

        schema = stepwise.ANSWER_SCHEMA
        if held(self.teacher):
            schema = stepwise.narrow_answer_schema(self.chunk)
        messages = stepwise.answer_messages(self.chunk, self.question)
        return Request(messages, schema if self.teacher.json_schema else None)

    def read(self, text: str) -> Read | None:
        candidate = stepwise.read_answer(text, self.chunk, self.question, self.teacher.model)
        return None if candidate is None else ([candidate], [])

    def unread(self, _text: str) -> list[Rejected]:
        return [stepwise.unanswered(self.question, self.chunk, self.teacher.model)]


def stepwise_candidates(
    chunks: Sequence[CorpusChunk],
    recipe: Recipe,
    teacher: ModelTeacher,
    runtime: Runtime,
    funnel: Funnel,
) -> list[Candidate]:
    """Ask for questions, then for answers; count what came of each chunk and question.

    Raises:
        SftaError: the teacher failed for good. Replies that have come in are kept.
    """
    from sfta.adapters.teacher_budget import NOTHING, Usage

    questions, answers, usage = Outcome(), Outcome(), Usage()
    order, budget = asking_order(chunks, recipe.seed), budget_of(recipe.generate)
    for start in range(0, len(order), _TOGETHER):
        batch = [Questioning(chunk, teacher) for chunk in order[start : start + _TOGETHER]]
        room = NOTHING if usage.stopped_by else budget.less(usage.tokens)
        usage += ask(batch, questions, recipe, runtime, room, "asking for questions")
        wanted = [
            Answering(batch[place].chunk, teacher, candidate.question)
            for place in range(len(batch))
            for candidate in questions.found.get(start + place, ())
        ]
        room = budget.less(usage.tokens)
        usage += ask(wanted, answers, recipe, runtime, room, "asking for answers")
    questions.candidates(chunks, funnel)  # what of the first step was lost goes on record
    report = questions.counts("chunks", "questions") | questions.examples()
    report |= answers.counts("questions", "answers")
    note_usage(funnel, recipe.generate, usage, report)
    return answers.candidates(chunks, funnel)


def foreseen(
    chunks: Sequence[CorpusChunk],
    recipe: Recipe,
    teacher: ModelTeacher,
    kept: Callable[["Request"], "Reply | None"],
) -> Iterator["Request"]:
    """All requests that would be made, in their order for each chunk.

    Args:
        chunks: what is asked about.
        recipe: its seed decides the order.
        teacher: who is asked.
        kept: the reply to a request that is on disk. Where there is none, questions of usual
            length stand for those that are not written yet.
    """
    for chunk in asking_order(chunks, recipe.seed):
        first = Questioning(chunk, teacher)
        yield (request := first.request())
        reply = kept(request)
        if reply is None:
            questions = [_PRETENDED.format(number) for number in range(first.count)]
        else:
            read = first.read(reply.text) or ([], [])
            questions = [candidate.question for candidate in read[0]]
        for question in questions:
            yield Answering(chunk, teacher, question).request()
