"""What asking a teacher costs, and the limit that it never passes."""

import asyncio
from dataclasses import dataclass, fields
from typing import Self

from sfta.adapters.teacher_replies import Reply

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a request and of its reply."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)

    @property
    def total(self) -> int:
        """Prompt and reply together."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost."""

    prompt: float
    completion: float
    currency: str

    def of(self, tokens: Tokens) -> float:
        """What so many tokens cost."""
        return (tokens.prompt * self.prompt + tokens.completion * self.completion) / _MILLION


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one dataset may cost, what was paid for in earlier runs included."""

    tokens: int | None = None
    money: float | None = None
    price: Price | None = None

    def exceeded_by(self, tokens: Tokens) -> str:
        """The name of the limit that so many tokens pass; empty if they pass none."""
        if self.tokens is not None and tokens.total > self.tokens:
            return "tokens"
        if self.money is not None and self.price and self.price.of(tokens) > self.money:
            return "money"
        return ""

    def less(self, tokens: Tokens) -> "Budget":
        """What is left of it behind so many tokens."""
        return Budget(
            None if self.tokens is None else self.tokens - tokens.total,
            self.money - self.price.of(tokens) if self.money and self.price else self.money,
            self.price,
        )


NOTHING = Budget(tokens=0)


class BudgetGate:
    """Lets requests through, in order, while the most they can cost fits into the budget.

    Whether a request passes depends on the tokens of those before it and on nothing else: a
    request that fits only if those in flight stay below their worst case waits for them. So a
    run that was interrupted ends at the same request as one that was not.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spent, self._reserved, self._flying = Tokens(), Tokens(), 0
        self._settled = asyncio.Event()
        self.closed_by = ""
        """The limit that turned a request away: `tokens` or `money`; empty while none has."""

    async def admit(self, most: Tokens) -> bool:
        """Whether a request that costs at most this may be made; False from the first on."""
        while not self.closed_by and (
            limit := self._budget.exceeded_by(self._spent + self._reserved + most)
        ):
            if not self._flying:
                self.closed_by = limit
                break
            self._settled.clear()
            await self._settled.wait()
        if self.closed_by:
            return False
        self._reserved += most
        self._flying += 1
        return True

    def settle(self, most: Tokens, actual: Tokens) -> None:
        """Replace what was kept free for an admitted request by what it has cost."""
        self._reserved -= most
        self._flying -= 1
        self._spent += actual
        self._settled.set()


@dataclass(slots=True)
class Usage:
    """What a run of requests came to."""

    requests: int = 0
    """Different requests with a reply, from disk or by the teacher."""
    repeated: int = 0
    """Requests that equal an earlier one: its reply served them too."""
    from_disk: int = 0
    filtered: int = 0
    refused: int = 0
    too_long: int = 0
    cut: int = 0
    not_asked: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    stopped_by: str = ""
    """The limit of the budget that ended the asking: `tokens` or `money`."""

    @property
    def tokens(self) -> Tokens:
        """Prompt and reply tokens."""
        return Tokens(self.prompt_tokens, self.completion_tokens)

    def __iadd__(self, other: "Usage") -> Self:
        """Add what further requests came to; what ended the asking first stays."""
        ended = self.stopped_by or other.stopped_by
        for name in (item.name for item in fields(self) if item.name != "stopped_by"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.stopped_by = ended
        return self

    def add(self, reply: Reply) -> None:
        """Count the reply to a request that was not seen before."""
        if reply.status == "not_asked":
            self.not_asked += 1
            return
        self.requests += 1
        self.from_disk += reply.cached
        self.filtered += reply.status == "filtered"
        self.refused += reply.status == "refused"
        self.too_long += reply.status == "too_long"
        self.cut += reply.status == "cut"
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
