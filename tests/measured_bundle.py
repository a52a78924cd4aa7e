"""A bundle that nobody measured, for what is done with its figures."""

from sfta_edge.bench.figures import Series
from sfta_edge.bench.machine import Machine
from sfta_edge.bench.measured import Measured, Memory
from sfta_edge.bench.reading import Reading
from sfta_edge.bench.roofline import ModelWork

MIB = 1 << 20
STEADY = Series((10.0, 10.0, 10.0))
READING = Reading(
    prompt_tokens=300,
    prefix_tokens=40,
    cold=Series((3000.0, 3100.0)),
    restored=Series((2600.0,)),
    again=Series((50.0, 60.0)),
    prefill=Series((100.0, 101.0)),
    decode=Series((20.0, 20.5, 19.5)),
)
MEASURED = Measured(
    bundle={"name": "manuals", "counter": 3, "digest": "ab"},
    variant="haswell",
    scheme="Q4_1",
    machine=Machine(2, 1.0, 1e10, 4e11),
    reading=READING,
    retrieve_ms=STEADY,
    first_text_ms=Series((12_345.6,)),
    answer_ms=Series(tuple(float(n) for n in range(1, 21))),
    guessed=0.25,
    memory=Memory(400 * MIB, 150 * MIB),
    work=ModelWork(200_000_000, 100_000, 1_000_000_000),
)
