"""Support marks of an answer, and strict mode: what is not supported is not said.

In strict mode the sentences that the documents do not support are taken out and counted. If none
is left, the answer is the refusal sentence and counts as refused, so that nobody takes it for an
answer; that `withheld` is more than 0 tells it from a refusal of the model. Its citations stay:
they stand in the documents.
"""

from collections.abc import Sequence
from dataclasses import replace

from sfta_edge.reply import Answer, CitableChunk
from sfta_edge.support import Source, SupportedSentence, supported_sentences


def marked(answer: Answer, chunks: Sequence[CitableChunk]) -> Answer:
    """The answer with a mark for each of its sentences; a refusal claims nothing and has none.

    Args:
        answer: as the model gave it.
        chunks: what the model was given, in the order of their numbers.
    """
    if answer.refused:
        return answer
    sources = []
    for number, chunk in enumerate(chunks, 1):
        spans = [
            citation.span
            for citation in answer.citations
            if citation.number == number and citation.verified and citation.span is not None
        ]
        if spans:
            sources.append(Source(chunk.text, chunk.heading, chunk.title, tuple(spans)))
    found = supported_sentences(answer.answer, sources, answer.question)
    return replace(answer, sentences=found)


def withheld(answer: Answer, refusal: str) -> Answer:
    """The answer without its unsupported sentences.

    Args:
        answer: with marks.
        refusal: what is said if nothing is left.
    """
    out = sum(not sentence.supported for sentence in answer.sentences)
    if answer.refused or (answer.sentences and not out):
        return answer
    kept = [sentence for sentence in answer.sentences if sentence.supported]
    if not kept:
        return replace(answer, answer=refusal, refused=True, sentences=(), withheld=out)
    text, marks, end = "", list[SupportedSentence](), kept[0].start
    for sentence in kept:
        between = answer.answer[end : sentence.start]
        text += "" if not text else "\n" if "\n" in between else " "
        piece = answer.answer[sentence.start : sentence.end]
        marks.append(SupportedSentence(len(text), len(text) + len(piece), supported=True))
        text, end = text + piece, sentence.end
    return replace(answer, answer=text, sentences=tuple(marks), withheld=out)
