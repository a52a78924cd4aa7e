"""What a model is told that was not trained on the prompt: the answer form, examples, or less.

Only the system text differs from the contract that ships. The turns, the chunks and the question
are spelt alike for all arms.
"""

from collections.abc import Sequence
from dataclasses import replace

from sfta.evaluation.examples import Example
from sfta_edge.prompt import PromptChunk, PromptContract

_FORM = (
    'For each quote write one line, [number of the document] "sentence, copied to the letter". '
    "Then write one line, {marker} and the answer alone. If no document holds the answer, write "
    "nothing but: {refusal}"
)


def told(contract: PromptContract) -> PromptContract:
    """The contract for a model that has not learnt the answer form."""
    form = _FORM.format(marker=contract.answer_marker, refusal=contract.refusal)
    return replace(contract, system=f"{contract.system}\n{form}")


def closed(contract: PromptContract, system: str) -> PromptContract:
    """The contract for a model that is given no documents and has not learnt to do without."""
    return replace(contract, system=system)


def with_examples(contract: PromptContract, examples: Sequence[Example]) -> PromptContract:
    """The contract with examples behind the system text.

    They are text and not turns of their own, so that every chat template can hold them.
    """
    shown = [
        f"Example {number}\n{_asked(contract, example.chunks, example.question)}\n"
        f"{example.completion}"
        for number, example in enumerate(examples, 1)
    ]
    return replace(contract, system="\n\n".join([contract.system, *shown]))


def messages_of(
    contract: PromptContract, chunks: Sequence[PromptChunk], question: str
) -> list[dict[str, str]]:
    """The same texts as a chat, for a model that has a template of its own."""
    return [
        {"role": "system", "content": contract.system},
        {"role": "user", "content": _asked(contract, chunks, question)},
    ]


def _asked(contract: PromptContract, chunks: Sequence[PromptChunk], question: str) -> str:
    _, *bodies, last = contract.segments(chunks, question)
    documents = "".join(part.text for body in bodies for part in body)
    return f"{documents}{last[0].text}"
