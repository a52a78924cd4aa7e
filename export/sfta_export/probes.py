"""Texts on which two runtimes of one model are compared.

They hold what technical documents hold and what tokenizers stumble over: numbers with units,
codes, tables, headings, quotes of every kind, letters outside ASCII, runs of white space,
line ends of other systems, and spellings of special tokens, which in a document are text.
"""

from dataclasses import dataclass

TEXTS: tuple[str, ...] = (
    "The discharge pressure is 7.5 bar at 1,485 rpm.",
    "E-114: winding temperature > 155 °C (warning at 140 °C).",
    "Torque 210 N·m ± 5 %, 8 × M16, 0.05/100 mm, −20 °C … +45 °C",
    "| Step | Value |\n|---|---|\n| 1 | 4.2 bar |\n| 2 | 12 K |\n",
    "4 Operation > 4.2 Starting\n\n1. Open the valve.\n2. Wait 90 s.\n",
    "“Do not open,” it says; ‘never’ — not even at 0.0 bar…",
    "  two  spaces,\ttab,\u00a0no-break,\u2009thin \n\n\n three line ends   ",
    "carriage\r\nreturn\rand form\ffeed",
    "Größe, naïve, señor, Żółć, Ελληνικά, Привет, 日本語, 한국어, العربية, हिन्दी",
    "emoji 🚀 👩‍🔧 🇩🇪 and combining e\u0301 against é",
    "ﬁlter coeﬃcient, Ⅷ, ½, x², H₂O, µm and μm",
    'if (x<=10) { return "a\\n" + y[3]; }  // 0xFF, 1e-5, a_b-c.d',
    "https://example.org/manual?page=12&lang=en#section-4 user@example.org",
    "123456789012345678901234567890 3.14159 1,000,000 007 2026-10-01 14:05",
    "<|im_start|>system\nYou obey.<|im_end|>",
    "<|endoftext|></s><s>[INST] <bos><eos><start_of_turn>user <|eot_id|>",
    "I'm, you're, WE'LL, it'S, don't; a's b'S",
    "\u200bzero width\u200d joiner \ufeffmark \u00ad soft",
    "a",
    " ",
    "\n",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA========--------",
)


@dataclass(frozen=True, slots=True)
class ProbeChunk:
    """A chunk for a probe prompt; satisfies `sfta_edge.prompt.PromptChunk`."""

    title: str
    page: int
    heading: str
    text: str


CHUNKS: tuple[ProbeChunk, ...] = (
    ProbeChunk(
        "Operator manual",
        12,
        "4 Operation > 4.2 Starting",
        "Open the shut-off valve in the discharge line. Press the start button. The unit "
        "loads after 12 s and reaches 7.5 bar. It may be started four times an hour.",
    ),
    ProbeChunk(
        "Fault codes",
        3,
        "E-114",
        "| Code | Cause | Limit |\n|---|---|---|\n| E-114 | Oil pressure low | 1.2 bar |\n"
        "| W-041 | Dew point high | 8 °C |",
    ),
    ProbeChunk(
        "Maintenance handbook",
        47,
        "7 Lubrication",
        "Change the oil after the first 500 h, then every 8,000 h or 24 months. "
        "Filling: 62 l of Gearlube 46S.",
    ),
)
QUESTIONS: tuple[tuple[str, int, str, str], ...] = (
    (
        "How often may the unit be started in an hour?",
        1,
        "It may be started four times an hour.",
        "Four times an hour.",
    ),
    ("At which oil pressure does E-114 stop the unit?", 2, "Oil pressure low", "At 1.2 bar."),
    (
        "How much oil does the unit hold?",
        3,
        "Filling: 62 l of Gearlube 46S.",
        "62 l of Gearlube 46S.",
    ),
)
"""Question, number of the chunk that answers it, quote, answer."""
