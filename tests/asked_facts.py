"""Texts as chunks, and the questions that the rules make of them."""

from sfta.raft.corpus import CorpusChunk
from sfta.raft.extraction.phrasings import wordings
from sfta.raft.extraction.rules import corpus_facts


def chunk(text, *, heading="4 Oil side > 4.4 Oil filter OF-4", number=0):
    return CorpusChunk(f"c{number}", "d", "Manual", 1, number * 1000, number * 1000 + len(text),
                       heading, text, number)  # fmt: skip


def asked(text, **options):
    """Every question with its answer that the rules make of a text."""
    return {
        question: fact.answer
        for fact in corpus_facts([chunk(text, **options)])
        for _, question, _ in wordings(fact)
    }


PROCEDURE = """4.3 Changing the gear oil

1. Run the package until the oil is warm.
2. Open the filler cap.
3. Fit a new copper ring and tighten the oil drain plug to 60 N·m.
4. Wait 10 minutes."""


CODES = """Table 1: Trips of the motor

| Code | Meaning | Action |
|---|---|---|
| E-104 | Phase order is wrong | Exchange two phases |
| E-106 | Motor winding too hot | Let it cool |"""
PARTS = """Table 5: Wear parts

| Part number | Part | Quantity |
|---|---|---|
| 8834-0104 | Oil filter OF-4 | 1 |"""
LIMITS = """Table 4: Measured values

| Measured value | Normal range | Warning | Trip |
|---|---|---|---|
| Oil pressure | 2.2 to 3.0 bar | 1.6 bar | none |"""
SETTINGS = """Table 2: Settings

| Setting | On delivery | Range |
|---|---|---|
| Load delay | 12 seconds | 8 to 60 seconds |"""
SCHEDULE = """Table 2: Schedule

| Interval | Work |
|---|---|
| 8,000 hours | Change the gear oil, clean the strainer |"""
TORQUES = """Table 4: Torques

| Connection | Bolts | Torque |
|---|---|---|
| Coupling hub, clamp bolts | 6 x M10 | 49 N·m |"""
FUSES = "| Fuse | Rating | Protects |\n|---|---|---|\n| F10 | 2 A | Controller A1 |"
STATES = "| State | What happens |\n|---|---|\n| Tripped | The main contactor is open |"
SIGNS = (
    "| Sign | Position | Part number |\n|---|---|---|\n| Hot surface | Left panel | 8834-9011 |"
)
