"""From a question and the chunks for it to an answer, by a model.

Rules this module upholds:

- Chunks that do not fit are left out before the model runs, the lowest-ranked first, and the
  answer names them.
- The same functions answer on the device and in the evaluation.
- In strict mode nothing is yielded before it is known that it stays.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from sfta_edge.citation import parse_answer
from sfta_edge.generation import Generation, Limits, Prompt, drain
from sfta_edge.lanes import in_lanes
from sfta_edge.plain_text import PlainStream, plain_text
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import (
    Quoting,
    ScoringEngine,
    Similar,
    Weighed,
    weigh,
    write_with_quote,
)
from sfta_edge.reply import Answer, CitableChunk, Locate, cite
from sfta_edge.request import Request, TextEngine, make_request
from sfta_edge.settings import AnswerSettings
from sfta_edge.withholding import marked, withheld


class StreamingEngine(TextEngine, ScoringEngine, Protocol):
    """An engine that gives text as it is written, and compares texts."""


class ParallelEngine(StreamingEngine, Protocol):
    """An engine that writes several answers at once."""

    def generate_many(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        first_token_bias: Mapping[int, float] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> list[Generation]: ...

    def lanes(self) -> AbstractContextManager[Sequence[StreamingEngine]]: ...


def answer_from_chunks(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings | None = None,
    *,
    similar: Similar | None = None,
) -> Answer:
    """Answer from chunks that were chosen already, best first.

    Args:
        engine: what writes.
        contract: how prompt and answer are spelt.
        chunks: what the answer is looked for in.
        question: one question.
        settings: default: the defaults.
        similar: the embedder's opinion; needed if the settings count similarity.

    Raises:
        ContextOverflowError: the question does not fit with even one chunk.
        ConfigError: there is no embedder to ask.
    """
    settings = settings or AnswerSettings()
    return drain(
        stream_from_chunks(engine, contract, chunks, question, settings, similar=similar)
    )


def stream_from_chunks(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
    *,
    similar: Similar | None = None,
    limits: Limits | None = None,
    locate: Locate | None = None,
) -> Generator[str, None, Answer]:
    """As `answer_from_chunks`, yielding the completion as it is written, as plain text.

    In strict mode the pieces are empty, so that the caller can see that work goes on, until the
    last one, which is the whole settled completion.

    Args:
        engine: as there, like all that is not named below.
        contract: same.
        chunks: same.
        question: same.
        settings: same.
        similar: same.
        limits: deadline, cancelling and caller; tokens and bias are those of the settings.
        locate: where quotes stand on their pages.
    """
    request = make_request(engine, contract, chunks, question, settings)
    limits = replace(
        limits or Limits(1, deadline=settings.deadline_seconds),
        max_tokens=settings.max_tokens,
        first_token_bias=request.bias,
    )
    asked = Quoting(contract, request.prompt, request.chunks, question, settings, similar)
    steps = _written(engine, asked, limits)
    generation = yield from _muted(steps) if settings.strict else _plain(steps)
    answer = _answer(request, generation, contract, locate)
    if settings.strict:
        answer = withheld(answer, contract.refusal)
        yield settled_completion(answer, contract)
    return answer


def weigh_quotes(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
    similar: Similar,
) -> Weighed | None:
    """What speaks for each sentence that an answer might quote; no answer is written."""
    request = make_request(engine, contract, chunks, question, settings)
    asked = Quoting(contract, request.prompt, request.chunks, question, settings, similar)
    return weigh(engine, asked, Limits(settings.max_tokens))


def answer_many(
    engine: ParallelEngine,
    contract: PromptContract,
    cases: Sequence[tuple[Sequence[CitableChunk], str]],
    settings: AnswerSettings | None = None,
    *,
    similar: Similar | None = None,
    on_done: Callable[[], None] | None = None,
) -> list[Answer]:
    """`answer_from_chunks` for many pairs of chunks and question, several at once.

    Deadlines do not apply: the time of one answer depends on its neighbours.
    """
    settings = settings or AnswerSettings()
    if settings.choose_quotes:
        alone = replace(settings, deadline_seconds=None)

        def answer(lane: StreamingEngine, case: tuple[Sequence[CitableChunk], str]) -> Answer:
            return answer_from_chunks(lane, contract, *case, alone, similar=similar)

        with engine.lanes() as lanes:
            return in_lanes(lanes, answer, cases, on_done=on_done)
    requests = [make_request(engine, contract, *case, settings) for case in cases]
    generations = engine.generate_many(
        [request.prompt for request in requests],
        max_tokens=settings.max_tokens,
        first_token_bias=requests[0].bias if requests else None,
        on_done=on_done,
    )
    answers = [
        _answer(request, generation, contract)
        for request, generation in zip(requests, generations, strict=True)
    ]
    if settings.strict:
        return [withheld(one, contract.refusal) for one in answers]
    return answers


def settled_completion(answer: Answer, contract: PromptContract) -> str:
    """A final answer in the answer form, with the quotes that stand in the documents."""
    if answer.refused:
        return answer.answer
    quotes = [
        (citation.number, plain_text(citation.quote).replace("\n", " "))
        for citation in answer.citations
        if citation.verified
    ]
    return contract.completion(quotes, answer.answer)


def _written(
    engine: StreamingEngine, asked: Quoting, limits: Limits
) -> Generator[str, None, Generation]:
    """The completion: its quote chosen or written, as the settings say."""
    if asked.settings.choose_quotes:
        return (yield from write_with_quote(engine, asked, limits))
    return (yield from engine.stream(asked.prompt, limits))


def _plain(steps: Generator[str, None, Generation]) -> Generator[str, None, Generation]:
    """The same steps, their text cleaned."""
    stream = PlainStream()
    try:
        while True:
            if shown := stream.feed(next(steps)):
                yield shown
    except StopIteration as end:
        if rest := stream.finish():
            yield rest
        generation: Generation = end.value
        return generation
    finally:
        steps.close()


def _muted(steps: Generator[str, None, Generation]) -> Generator[str, None, Generation]:
    """The same steps without their text."""
    try:
        while True:
            next(steps)
            yield ""
    except StopIteration as end:
        generation: Generation = end.value
        return generation
    finally:
        steps.close()


def _answer(
    request: Request,
    generation: Generation,
    contract: PromptContract,
    locate: Locate | None = None,
) -> Answer:
    parsed = parse_answer(
        plain_text(generation.text),
        answer_marker=contract.answer_marker,
        refusal=contract.refusal,
    )
    answer = Answer(
        question=request.question,
        answer=parsed.answer,
        refused=parsed.refused,
        well_formed=parsed.well_formed,
        citations=cite(parsed, request.chunks, locate),
        completion=generation.text,
        finish_reason=generation.finish_reason,
        dropped=request.dropped,
        refusal_score=next(iter(generation.first_token_scores.values()), None),
        usage={
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": len(generation.token_ids),
            "reused_tokens": generation.reused_tokens,
        },
        timings_ms={
            "prefill": generation.timings.prefill_ms,
            "decode": generation.timings.decode_ms,
        },
    )
    return marked(answer, request.chunks)
