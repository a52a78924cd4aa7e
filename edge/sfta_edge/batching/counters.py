"""What an engine has done and what it is doing, for `/metrics`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """A look at the engine; all but `running`, `waiting` and `used_cells` only grow."""

    prompt_tokens: int
    """Computed."""
    reused_tokens: int
    """Prompt tokens that were in memory already, those of files included."""
    restored_tokens: int
    """Prompt tokens read from a file of an earlier start."""
    decoded_tokens: int
    """Written."""
    proposed_tokens: int
    """Guessed from the prompt."""
    accepted_tokens: int
    """Of these, right."""
    running: int
    waiting: int
    used_cells: int
    """Tokens that memory holds or keeps room for."""
    evictions: int
    """Prompts forgotten because memory ran short."""
    finished: int
    failed: int
