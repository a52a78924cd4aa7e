"""Model files: what is damaged is refused in one line, what is whole tells its facts."""

import random
from contextlib import closing

import pytest

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.model import Model


@pytest.fixture(name="model", scope="module")
def _model(embedder_gguf):
    model = Model(embedder_gguf)
    yield model
    model.close()


def test_a_whole_file_tells_its_facts(model):
    assert model.metadata("general.architecture") == "bert"
    assert model.dimension == 384
    assert model.trained_context == 512
    assert model.token_count == 30522
    assert model.is_encoder


def test_a_language_model_is_no_encoder(engine):
    assert not engine.model.is_encoder
    assert engine.name


def test_a_token_takes_as_many_bytes_of_a_context_as_the_model_says(smollm2_gguf):
    with (
        closing(Model(smollm2_gguf)) as small,
        closing(Context(small, Shape(64, 64))) as context,
    ):
        context.decode([Entry(5, place) for place in range(10)])
        before = len(context.state(0))
        context.decode([Entry(5, place) for place in range(10, 30)])
        added = (len(context.state(0)) - before) / 20
        assert small.token_bytes <= added <= small.token_bytes + 32, (
            "its place is written beside"
        )


def test_metadata_that_is_not_there_is_empty(model):
    assert model.metadata("no.such.key") == ""


def test_a_missing_file_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the model"):
        Model(tmp_path / "missing.gguf")


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04" * 100, b"{}"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="not a GGUF file"):
        Model(path)


@pytest.mark.parametrize("share", [0.0000001, 0.00001, 0.005, 0.3, 0.999999])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, embedder_gguf, share):
    content = embedder_gguf.read_bytes()
    path = tmp_path / "model.gguf"
    path.write_bytes(content[: max(4, int(len(content) * share))])
    with pytest.raises(IntegrityError, match="cannot be loaded") as caught:
        Model(path)
    assert "\n" not in str(caught.value)
    assert "gave no reason" not in str(caught.value)
    assert caught.value.hint


def test_flipped_bytes_in_the_header_never_crash(tmp_path, embedder_gguf):
    """Some load, because a name changed; none may end the process."""
    content = bytearray(embedder_gguf.read_bytes()[:200_000])
    path = tmp_path / "model.gguf"
    rng = random.Random(7)
    for _ in range(20):
        place = rng.randrange(4, 3000)
        content[place] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(IntegrityError):
            Model(path)
        content[place] ^= 0xFF


def test_weights_that_are_no_numbers_are_found_while_loading(tmp_path, embedder_gguf):
    content = bytearray(embedder_gguf.read_bytes())
    # The end of the file is the data of the last tensor; 0xFFFF is NaN in 16 and in 32 bits.
    content[-64:] = b"\xff" * 64
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="invalid data"):
        Model(path)


def test_text_is_tokenized_without_begin_and_end(model):
    assert model.tokenize("the pump") == model.tokenize("the") + model.tokenize("pump")
    assert model.tokenize("") == []


def test_a_closed_model_refuses_instead_of_crashing(embedder_gguf):
    model = Model(embedder_gguf)
    model.close()
    model.close()
    for use in (
        lambda: model.tokenize("x"),
        lambda: model.piece(1),
        lambda: model.ends(1),
        lambda: model.metadata("general.name"),
        lambda: model.trained_context,
    ):
        with pytest.raises(ConfigError, match="closed"):
            use()
