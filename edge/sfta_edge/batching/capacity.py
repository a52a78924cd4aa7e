"""How much an engine takes on."""

from dataclasses import dataclass

from sfta_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Capacity:
    """Figures that belong to a device, not to a question."""

    parallel: int = 8
    """Tasks at work at once."""
    waiting: int = 64
    """Tasks that may wait."""
    memory_tokens: int | None = None
    """Tokens that fit over all prompts; default: twice the context of one."""
    guessed: int = 8
    """Most tokens guessed from the prompt at once; 0: none."""

    def __post_init__(self) -> None:
        if self.parallel < 1 or self.waiting < 1 or self.guessed < 0:
            raise ConfigError("parallel and waiting must be at least 1, guessed at least 0")
