"""Settings of merging the adapter, exporting the model and of putting the bundle together."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfta.core.config import Section

Scheme = Literal[
    "F16",
    "BF16",
    "F32",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_1",
    "Q5_0",
    "Q4_K_M",
    "Q4_K_S",
    "Q4_1",
    "Q4_0",
    "Q3_K_L",
    "Q3_K_M",
    "Q3_K_S",
    "Q2_K",
]
PythonVersion = Annotated[str, Field(pattern=r"^3\.\d{1,2}$")]


class MergeConfig(Section):
    """How the adapter becomes part of the model."""

    base: Literal["as_trained", "original"] = "as_trained"
    """What an adapter from 4-bit training is added to, in 16 bits either way: the values that
    the base had in training, or those it had before it was quantized."""


class ExportConfig(Section):
    """What is made for the device."""

    schemes: Annotated[list[Scheme], Field(min_length=1)] = ["Q8_0"]
    """Number formats of the exported model, one GGUF file for each. Q8_0 is the closest to
    16 bits, Q4_K_M half its size; schemes with a K need rows that divide by 256."""

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        if len(set(self.schemes)) != len(self.schemes):
            raise ValueError("a scheme is listed twice")
        return self


class BundleConfig(Section):
    """What goes to the device.

    How it answers there is what the report has measured: top_k, length of an answer, refusal
    threshold.
    """

    scheme: Scheme = "Q8_0"
    """Which of the exported files ships; it is the one that the report must have measured."""
    counter: PositiveInt = 1
    """Version of the bundle. A device refuses a lower one, and another bundle with the same:
    raise it for every delivery."""
    pythons: list[PythonVersion] = []
    """Python versions of the devices, such as 3.11: wheels are packed for each. Empty: the
    version that the factory runs on."""
