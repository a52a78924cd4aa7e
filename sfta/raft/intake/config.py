"""Settings of rows that come from a file instead of being generated."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sfta.core.config import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class DatasetConfig(Section):
    """Rows of your own, to train on instead of generated ones."""

    file: str | None = None
    """File or folder of rows: JSON lines, JSON, CSV, Parquet, a folder that `datasets` saved,
    or a dataset artifact; relative paths start at the recipe's folder. None: rows are
    generated."""
    format: (
        Literal[
            "rows",
            "raft_hf",
            "raft_eval",
            "chat",
            "sharegpt",
            "flat",
            "alpaca",
            "prompt_completion",
            "columns",
        ]
        | None
    ) = None
    """Form of a row. None: recognised by the keys of the first one."""
    columns: dict[str, str] = {}
    """Columns of a table by what they are, as in {question: Frage, answer: Antwort}. Known:
    question, answer, context, title, page, system, kind, group, split, teacher. Others are
    recognised by their usual names."""
    shares: Annotated[list[Share], Field(min_length=3, max_length=3)] = [0.85, 0.1, 0.05]
    """Shares of train, validation and test, where the file names no splits."""
    rejections: str | None = None
    """Rows that a person has turned away, as generate.rejections names them."""
    near_duplicate: Share = 0.85
    """Overlap of word sets above which a held-out question counts as seen in train."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        if abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError("shares must add up to 1")
        if self.shares[0] <= 0.0:
            raise ValueError("the share of train must be above 0")
        return self
