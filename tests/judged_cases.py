"""Cases of four chunks, as the judgement takes them."""

from sfta_edge.retriever import Chunk

TEXTS = (
    "The pump runs at 7.5 bar.",
    "The valve opens at 8 bar.",
    "Oil is changed after 500 hours.",
    "The door stays closed.",
)
CHUNKS = tuple(
    Chunk(f"c{number}", "d", "Manual", number + 1, "", text, 0, len(text), "manual.pdf")
    for number, text in enumerate(TEXTS)
)
