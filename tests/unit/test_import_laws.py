"""What holds for every question set that is read, whatever stands in it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from published_sets import as_json, as_lines
from sfta.documents.media import decode
from sfta.documents.plain import parse_plain
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta.evaluation.metrics import contains
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.questions import read_questions
from sfta.stages.question_sets import import_questions
from sfta_edge.retriever import Chunk

WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
SENTENCE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
TEXTS = st.lists(SENTENCE, min_size=1, max_size=5, unique=True)


@st.composite
def rgb_records(draw):
    count = draw(st.integers(1, 4))
    return [
        {
            "id": number,
            "query": draw(SENTENCE),
            "answer": draw(st.lists(SENTENCE | TEXTS, min_size=1, max_size=3)),
            "positive": draw(TEXTS),
            "negative": draw(TEXTS),
        }
        for number in range(count)
    ]


@st.composite
def squad_articles(draw):
    def asked(article, paragraph, number):
        impossible = draw(st.booleans())
        return {
            "id": f"{article}-{paragraph}-{number}",
            "question": draw(SENTENCE),
            "answers": [] if impossible else [{"text": draw(WORD), "answer_start": 0}],
            "is_impossible": impossible,
        }

    return {
        "data": [
            {
                "title": f"Article_{article}",
                "paragraphs": [
                    {"context": text, "qas": [asked(article, place, n) for n in range(2)]}
                    for place, text in enumerate(draw(TEXTS))
                ],
            }
            for article in range(draw(st.integers(1, 3)))
        ]
    }


@given(rgb_records(), st.integers(1, 6))
def test_oracles_are_among_the_documents_and_one_is_always_kept(
    tmp_path_factory, records, most
):
    folder = tmp_path_factory.mktemp("any")
    made = read_benchmark(as_lines(folder, records), Wanted(passages=most), decode)
    for line in made.lines:
        names = [document["id"] for document in line["documents"]]
        assert len(names) == len(set(names)) <= most
        assert set(line.get("oracle_ids", [])) <= set(names)
        assert bool(line.get("oracle_ids")) == line["answerable"]


@given(rgb_records() | squad_articles())
def test_what_is_written_can_be_evaluated(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("any")
    source = as_json(folder, records)
    done = import_questions(source, folder / "out.jsonl", Wanted())
    questions = read_questions(folder / "out.jsonl")
    assert len(questions) == done["questions"]
    assert sum(not question.answerable for question in questions) == done["unanswerable"]
    assert len({question.id for question in questions}) == len(questions)


@given(squad_articles())
def test_nothing_is_lost_without_being_counted(tmp_path_factory, articles):
    folder = tmp_path_factory.mktemp("any")
    made = read_benchmark(as_json(folder, articles), Wanted(), decode)
    asked = [qa for a in articles["data"] for p in a["paragraphs"] for qa in p["qas"]]
    assert len(made.lines) + sum(made.notes.left_out.values()) == len(asked)


def chunks_of(folder):
    """One chunk for each block of the documents, as ingest and chunk would name them."""
    for path in sorted(folder.iterdir()):
        parsed = parse_plain(path.read_text("utf-8"))
        for page in parsed.pages:
            for number, block in enumerate(page.blocks):
                text = page.text[block.start : block.end]
                name = f"{path.name}-{number}"
                yield Chunk(name, path.name, parsed.title, page.number, "", text,
                            block.start, block.end, path.name)  # fmt: skip


@given(squad_articles())
def test_every_question_finds_its_oracle_among_the_documents(tmp_path_factory, articles):
    folder = tmp_path_factory.mktemp("any")
    out, documents = folder / "out.jsonl", folder / "documents"
    import_questions(as_json(folder, articles), out, Wanted(documents=True), documents)
    questions, chunks = read_questions(out), list(chunks_of(documents))
    by_id = {chunk.id: chunk for chunk in chunks}
    for question, oracle in zip(questions, resolve_oracles(questions, chunks), strict=True):
        assert bool(oracle.ids) == question.answerable
        whole = " ".join(by_id[name].text for name in oracle.ids)
        (page,) = question.oracle_pages if question.answerable else (None,)
        text = (documents / page.document).read_text("utf-8") if page else ""
        assert contains(whole, question.answers) == contains(text, question.answers)


@given(rgb_records())
def test_the_order_of_the_records_changes_the_order_of_the_questions_only(
    tmp_path_factory, records
):
    folder = tmp_path_factory.mktemp("any")
    there, back = (
        read_benchmark(as_lines(folder, given_), Wanted(), decode).lines
        for given_ in (records, records[::-1])
    )
    assert sorted(map(json.dumps, there)) == sorted(map(json.dumps, back))
