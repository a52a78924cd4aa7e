"""A prompt contract in few words, and a tokenizer of single characters."""

from sfta_edge.prompt import PromptContract

CONTRACT = PromptContract(
    head="<s>system\n",
    between="</s>\n<s>user\n",
    tail="</s>\n<s>assistant\n",
    end="</s>",
    system="Answer.",
    document="[{number}] {title} p{page} {heading}\n{text}\n\n",
    question="Question: {question}",
    refusal="Not in the documents.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)


def characters(text, special):
    """A tokenizer of single characters that marks special ones."""
    return [ord(c) + (100_000 if special else 0) for c in text]


def spell(ids):
    return "".join(chr(i % 100_000) for i in ids)
