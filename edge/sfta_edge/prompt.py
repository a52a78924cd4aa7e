"""The prompt contract: one file that training, evaluation and the device all render from.

Rules this module upholds:

- A prompt is a list of segments ``prefix | chunk 1 | ... | chunk k | question``. Each segment
  is tokenized alone and the ids are concatenated, so the tokens of a chunk never depend on its
  neighbours.
- Only the literals taken from the chat template may become special tokens. System text, chunk
  text and question are content, and content never turns into special tokens.
- An answer is quote lines ``[n] "verbatim text"`` followed by ``Answer: ...``, or the refusal
  sentence alone.

Standard library only: this module runs on the device.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import canonical_json

SCHEMA = "sfta.prompt/1"
PROMPT_FILE = "prompt.json"

Tokenize = Callable[[str, bool], list[int]]
"""``(text, parse_special) -> ids``; adds no begin or end token of its own."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text, and whether its special-token spellings are special."""

    text: str
    special: bool = False


Segment = tuple[Part, ...]


class PromptChunk(Protocol):
    """What the contract needs to know of a chunk."""

    @property
    def title(self) -> str: ...
    @property
    def page(self) -> int: ...
    @property
    def heading(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PromptContract:
    """Everything that turns chunks and a question into token ids."""

    head: str
    """Template literal before the system text, special tokens and all."""
    between: str
    """Template literal between the system text and the user text."""
    tail: str
    """Template literal after the user text, up to where the answer begins."""
    end: str
    """Literal that ends the model's turn."""
    system: str
    """System text. Models whose template has no system role get it inside the user turn."""
    document: str
    """Wrapper of one chunk; fields: number, title, page, heading, text."""
    question: str
    """Wrapper of the question; field: question."""
    refusal: str
    """The sentence that says the documents do not hold the answer."""
    answer_marker: str
    """What stands before the final answer."""
    chat_template_sha256: str
    """Digest of the chat template the literals come from."""

    def segments(self, chunks: Sequence[PromptChunk], question: str) -> list[Segment]:
        """``prefix | chunk 1 | ... | chunk k | question``; chunks are numbered from 1."""
        prefix: Segment = (
            Part(self.head, special=True),
            Part(self.system),
            Part(self.between, special=True),
        )
        bodies: list[Segment] = [
            (Part(self._document(number, chunk)),) for number, chunk in enumerate(chunks, 1)
        ]
        last: Segment = (
            Part(self.question.replace("{question}", " ".join(question.split()))),
            Part(self.tail, special=True),
        )
        return [prefix, *bodies, last]

    def prompt_ids(
        self, chunks: Sequence[PromptChunk], question: str, tokenize: Tokenize
    ) -> list[list[int]]:
        """Token ids, one list per segment."""
        return [segment_ids(s, tokenize) for s in self.segments(chunks, question)]

    def completion_ids(self, completion: str, tokenize: Tokenize) -> list[int]:
        """Token ids of an answer and of the end of the turn."""
        return segment_ids((Part(completion), Part(self.end, special=True)), tokenize)

    def completion(self, quotes: Sequence[tuple[int, str]], answer: str) -> str:
        """Spell an answer: ``parse_answer(completion(q, a)) == (q, a)`` for one-line texts."""
        lines = [f'[{number}] "{quote}"' for number, quote in quotes]
        return "\n".join([*lines, f"{self.answer_marker} {answer}"])

    @property
    def digest(self) -> str:
        """Identity of the contract."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The exact bytes of the contract file."""
        return canonical_json({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Parse a contract file; anything else raises `IntegrityError`."""
        try:
            data = json.loads(raw)
            if data.pop("schema") != SCHEMA:
                raise IntegrityError("unknown prompt contract schema", hint="Update sfta-edge.")
            contract = cls(**data)
            if not all(isinstance(value, str) for value in data.values()):
                raise IntegrityError("prompt contract is not readable: a field is no text")
            contract.to_bytes()  # lone surrogates can be parsed, but are no text
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"prompt contract is not readable: {error}") from error
        return contract

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a contract file."""
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as error:
            raise IntegrityError(f"cannot read the prompt contract: {error}") from error

    def _document(self, number: int, chunk: PromptChunk) -> str:
        values = {
            "number": str(number),
            "title": chunk.title,
            "page": str(chunk.page),
            "heading": chunk.heading,
            "text": chunk.text,
        }
        # Not str.format: braces in a document are text, not fields.
        pieces = self.document.split("{")
        rendered = [pieces[0]]
        for piece in pieces[1:]:
            name, closed, rest = piece.partition("}")
            rendered.append(values[name] + rest if closed and name in values else "{" + piece)
        return "".join(rendered)


def segment_ids(segment: Segment, tokenize: Tokenize) -> list[int]:
    """Token ids of one segment: every part alone, then concatenated."""
    return [
        token for part in segment if part.text for token in tokenize(part.text, part.special)
    ]
