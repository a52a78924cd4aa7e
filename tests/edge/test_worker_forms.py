"""What crosses between the processes comes out as it went in, or as one typed error."""

import json
import math
import threading
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.batching.turns import BusyError
from sfta_edge.embedder import EmbedderIdentity
from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)
from sfta_edge.generation import (
    ContextOverflowError,
    EngineDownError,
    Generation,
    Limits,
    Scored,
    Timings,
)
from sfta_edge.worker import forms
from sfta_edge.worker.failures import (
    FrameError,
    WorkerDownError,
    WorkerFaultError,
    WorkerLostError,
    facts_of,
    failure_of,
)
from sfta_edge.worker.frames import Frame, frame_bytes

TOKEN = st.integers(0, 2**31)
REAL = st.floats(allow_nan=False, allow_infinity=False)
REASON = st.sampled_from(["stop", "length", "deadline", "cancelled"])
GENERATION = st.builds(
    Generation,
    st.text(),
    st.lists(TOKEN).map(tuple),
    REASON,
    TOKEN,
    TOKEN,
    st.builds(Timings, REAL, REAL),
    st.dictionaries(TOKEN, REAL),
)
SCORED = st.builds(
    Scored,
    st.lists(st.lists(REAL).map(tuple)).map(tuple),
    TOKEN,
    TOKEN,
    REAL,
    st.none() | REASON,
)


def crossed(facts):
    """Through JSON and back."""
    return json.loads(frame_bytes(Frame({"it": facts}))[8:])["it"]


@given(GENERATION)
def test_a_generation_crosses(generation):
    facts = crossed(forms.generation_facts(generation))
    assert forms.read(forms.generation_of, facts) == generation


@given(SCORED)
def test_scores_cross_to_the_last_bit(scored):
    assert forms.read(forms.scored_of, crossed(forms.scored_facts(scored))) == scored


def test_an_identity_crosses():
    identity = EmbedderIdentity("MiniLM", "ab" * 32, 384, "mean", "query: ")
    assert forms.read(forms.identity_of, crossed(asdict(identity))) == identity


@given(
    st.integers(1, 10**6),
    st.none() | st.floats(1, 1e6),
    st.dictionaries(TOKEN, REAL),
    st.text(),
    st.none() | st.text(),
)
def test_limits_cross_with_the_time_that_is_left(tokens, deadline, bias, caller, grammar):
    limits = Limits(
        tokens,
        deadline=deadline,
        first_token_bias=bias,
        caller=caller,
        grammar=grammar,
        adapter="sales",
        cancel=threading.Event(),
        stop=bool,
    )
    read = forms.read(forms.limits_of, crossed(forms.limits_facts(limits)))
    assert replace(read, deadline=None, started=0.0) == replace(
        limits, deadline=None, started=0.0, cancel=None, stop=None
    )
    assert (read.deadline is None) == (deadline is None)
    assert deadline is None or 0 < read.deadline <= deadline


def test_no_time_left_is_a_deadline_and_no_error():
    late = Limits(1, deadline=1.0, started=-1e9)
    assert forms.read(forms.limits_of, forms.limits_facts(late)).seconds_left is not None


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False),
                         min_size=3, max_size=3), max_size=5))  # fmt: skip
def test_vectors_cross_bit_by_bit(rows):
    vectors = np.array(rows, dtype=np.float32).reshape(len(rows), 3)
    back = forms.vectors_of(forms.vector_bytes(vectors), len(rows), 3)
    assert back.dtype == np.float32
    assert back.tobytes() == vectors.tobytes()


@pytest.mark.parametrize("size", [0, 11, 13, 24])
def test_vectors_of_another_number_are_refused(size):
    with pytest.raises(FrameError, match="vectors"):
        forms.vectors_of(bytes(size), 1, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_vector_that_is_no_number_never_arrives(bad):
    payload = np.array([[1, bad, 0]], dtype="<f4").tobytes()
    with pytest.raises(FrameError, match="no number"):
        forms.vectors_of(payload, 1, 3)


@given(
    st.sampled_from(
        [forms.generation_of, forms.scored_of, forms.limits_of, forms.identity_of,
         forms.id_lists, forms.texts, forms.count, forms.text, forms.facts]
    ),
    st.none() | st.text() | st.integers(max_value=-1) | st.lists(st.none(), min_size=1)
    | st.dictionaries(st.text(), st.none(), min_size=1),
)  # fmt: skip
def test_other_data_is_a_frame_error_or_harmless(form, value):
    try:
        read = forms.read(form, value)
    except FrameError:
        return
    assert read == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokens", [-1]),
        ("tokens", [True]),
        ("tokens", [1.0]),
        ("tokens", "12"),
        ("tokens", [2**60]),
        ("reason", "because"),
        ("reason", None),
        ("text", b"raw"),
        ("text", None),
        ("timings", [1.0]),
        ("timings", ["1", "2"]),
        ("scores", [[1]]),
        ("prompt_tokens", -5),
    ],
)
def test_a_generation_with_one_wrong_field_is_refused(field, value):
    facts = forms.generation_facts(Generation("a", (1,), "stop", 1))
    with pytest.raises(FrameError, match="unknown form"):
        forms.read(forms.generation_of, {**facts, field: value})


@pytest.mark.parametrize("seconds", ["1", True, [], math.inf])
def test_limits_with_odd_time_are_refused_or_endless(seconds):
    facts = {**forms.limits_facts(Limits(1)), "seconds": seconds}
    if seconds == math.inf:
        assert forms.read(forms.limits_of, facts).deadline == math.inf
    else:
        with pytest.raises(FrameError):
            forms.read(forms.limits_of, facts)


@pytest.mark.parametrize(
    "form",
    [SftaError, ConfigError, ContextOverflowError, IntegrityError, MissingDependencyError,
     ToolError, EngineDownError, FrameError, WorkerFaultError],
)  # fmt: skip
def test_a_listed_error_crosses_with_text_and_hint(form):
    back = failure_of(crossed(facts_of(form("it broke", hint="mend it"))))
    assert type(back) is form
    assert (str(back), back.hint) == ("it broke", "mend it")


def test_how_many_wait_crosses():
    back = failure_of(crossed(facts_of(BusyError(7))))
    assert isinstance(back, BusyError)
    assert back.waiting == 7


def test_an_error_that_is_not_listed_becomes_the_nearest_that_is():
    class NewError(IntegrityError):
        pass

    assert type(failure_of(crossed(facts_of(NewError("x"))))) is IntegrityError


def test_a_foreign_error_tells_its_type_and_not_its_text():
    back = failure_of(crossed(facts_of(KeyError("words of a document"))))
    assert isinstance(back, WorkerFaultError)
    assert "KeyError" in str(back)
    assert "words of a document" not in str(back) + back.hint


def test_too_little_memory_says_so():
    assert "memory" in str(failure_of(facts_of(MemoryError())))


@pytest.mark.parametrize(
    "facts",
    [
        None,
        [],
        {},
        {"kind": "SystemExit", "what": "x"},
        {"kind": "KeyboardInterrupt"},
        {"kind": ["ConfigError"], "what": 5},
        {"kind": "BusyError", "waiting": "many"},
        {"kind": "__import__('os')", "what": "x", "hint": None},
    ],
)
def test_a_name_that_is_not_listed_chooses_no_class(facts):
    assert type(failure_of(facts)) in {WorkerFaultError, FrameError}


def test_an_endless_or_broken_text_is_one_short_line():
    back = failure_of({"kind": "ConfigError", "what": "a\r\nb\x00" * 10_000})
    assert len(str(back)) <= 2000
    assert "\n" not in str(back)


def test_who_lost_the_worker_may_ask_again_or_answer_in_a_lesser_way():
    assert issubclass(WorkerLostError, EngineDownError)
    assert issubclass(WorkerDownError, EngineDownError)
