"""Records in exactly the shape in which question sets are published."""

import json

SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Oxide_minerals",
            "paragraphs": [
                {
                    "context": "Magnetite is black. It is found in Kiruna.",
                    "qas": [
                        {
                            "id": "5a1",
                            "question": "Where is magnetite found?",
                            "answers": [
                                {"text": "Kiruna", "answer_start": 35},
                                {"text": "in Kiruna", "answer_start": 32},
                                {"text": "Kiruna", "answer_start": 35},
                            ],
                            "is_impossible": False,
                        },
                        {
                            "id": "5a2",
                            "question": "Where is hematite found?",
                            "answers": [],
                            "plausible_answers": [{"text": "Kiruna", "answer_start": 35}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        }
    ],
}
NQ_OPEN = [
    {"question": "who wrote the art of war", "answer": ["Sun Tzu"]},
    {"question": "when was the moon landing", "answer": ["July 20, 1969", "1969"]},
]
_PAGE = (
    "<H1> Magnetite </H1> <P> Magnetite is an oxide of iron and it is black . </P> "
    "<P> The first mine was opened in Kiruna in the year 1898 by a company . </P> "
    "<P> Its crystals belong to the cubic system as those of spinel do . </P> <P> Short . </P>"
)


def span(first, last, text=_PAGE, **more):
    """Places of a stretch of words, as annotators give them."""
    tokens = text.split(" ")
    start = tokens.index(first)
    return {"start_token": start, "end_token": tokens.index(last, start) + 1, **more}


def paragraph(word):
    """The paragraph that holds a word."""
    tokens, at = _PAGE.split(" "), _PAGE.split(" ").index(word)
    start = max(place for place in range(at) if tokens[place] == "<P>")
    return {"start_token": start, "end_token": tokens.index("</P>", at) + 1, "top_level": True}


NONE = {"start_token": -1, "end_token": -1}
NQ = {
    "example_id": -1109485827985534106,
    "question_text": "when was the first mine opened",
    "document_title": "Magnetite",
    "document_url": "https://en.wikipedia.org/Magnetite",
    "document_text": _PAGE,
    "long_answer_candidates": [paragraph(w) for w in ("oxide", "mine", "cubic", "Short")],
    "annotations": [
        {
            "annotation_id": 7,
            "long_answer": {**paragraph("mine"), "candidate_index": 1},
            "short_answers": [span("1898", "1898")],
            "yes_no_answer": "NONE",
        }
    ],
}
PUBMEDQA = {
    "21645374": {
        "QUESTION": "Do mitochondria play a role in cell death?",
        "CONTEXTS": ["Cell death is studied.", "Mitochondria were stained."],
        "LABELS": ["BACKGROUND", "RESULTS"],
        "MESHES": ["Mitochondria"],
        "YEAR": "2011",
        "reasoning_required_pred": "yes",
        "reasoning_free_pred": "yes",
        "final_decision": "yes",
        "LONG_ANSWER": "Mitochondrial dynamics point to a role.",
    }
}
HOTPOTQA = [
    {
        "_id": "5a8b57f25542995d1e6f1371",
        "question": "Were Scott and Ed of the same nationality?",
        "answer": "yes",
        "type": "comparison",
        "level": "hard",
        "supporting_facts": [["Scott", 0], ["Ed", 0]],
        "context": [
            ["Ed", ["Ed was an American filmmaker.", " He made films."]],
            ["Doctor", ["Doctor is a film."]],
            ["Scott", ["Scott is an American director.", " He lives in Los Angeles."]],
        ],
    }
]
CLAPNQ = [
    {
        "id": "-1227560510279821008",
        "input": "who is plankton",
        "passages": [
            {
                "title": "Plankton",
                "text": "Plankton is a rival. He was first seen in 1999.",
                "sentences": ["Plankton is a rival.", "He was first seen in 1999."],
            }
        ],
        "output": [
            {
                "answer": "Plankton is a rival from 1999.",
                "selected_sentences": ["Plankton is a rival."],
                "meta": {"annotator": [1], "has_minimal_answer": False},
            }
        ],
    },
    {
        "id": "2",
        "input": "what does plankton eat",
        "passages": [{"title": "Plankton", "text": "Plankton is a rival.", "sentences": []}],
        "output": [{"answer": "", "selected_sentences": [], "meta": {}}],
    },
]
RGB = [
    {
        "id": 0,
        "query": "When is the premiere?",
        "answer": [["January 2 2022", "Jan 2, 2022"]],
        "positive": ["The premiere is on January 2 2022.", "It is shown on Jan 2, 2022."],
        "negative": ["The tour began in May.", "Tickets cost 20 dollars."],
    }
]
RGB_INTEGRATION = [
    {
        "id": 1,
        "query": "When and where is the premiere?",
        "answer": [["January 2", "Jan 2"], ["Paris"]],
        "answer1": ["January 2", "Jan 2"],
        "answer2": ["Paris"],
        "positive": [["It is on January 2."], ["It is in Paris.", "Paris has it."]],
        "negative": ["Tickets cost 20 dollars."],
    }
]
RGB_FACT = [
    {
        "id": 2,
        "query": "Who won?",
        "answer": "Facebook",
        "fakeanswer": "Apple",
        "positive": ["Facebook won."],
        "positive_wrong": ["Apple won."],
        "negative": ["There was a race."],
    }
]


def as_lines(folder, records, name="set.jsonl"):
    """A file of JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def as_json(folder, value, name="set.json", **more):
    """A file that is one JSON value."""
    path = folder / name
    path.write_text(json.dumps(value, **more), "utf-8")
    return path
