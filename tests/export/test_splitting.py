"""A file in parts is the same model, and a part that is missing or damaged is refused."""

import pytest

from sfta.adapters.hub import hf_tokenize
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.model import Model
from sfta_export.gguf import model_gguf
from sfta_export.parity import measure, probe_prompts
from sfta_export.reference import load_folder, reference
from sfta_export.splitting import split_gguf

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def whole(build_model, cache, tmp_path_factory):
    """Some megabytes, most of them one embedding."""
    folder = build_model(tmp_path_factory.mktemp("models") / "parts", hidden=256, seed=6)
    return folder, model_gguf(folder, cache, "Q8_0")


@pytest.fixture(scope="module")
def parts(whole, cache, tmp_path_factory):
    return split_gguf(whole[1], tmp_path_factory.mktemp("split") / "parts", 1, cache)


def test_parts_are_named_in_order_and_hold_everything(whole, parts):
    count = len(parts)
    assert count > 1
    assert [path.name for path in parts] == [
        f"model-Q8_0-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)
    ]
    assert sum(path.stat().st_size for path in parts) >= whole[1].stat().st_size


def test_only_a_single_tensor_makes_a_part_larger_than_asked(parts):
    embedding = 49152 * 256 * 34 // 32
    sizes = [path.stat().st_size for path in parts]
    assert max(sizes) < embedding + 3_000_000  # with the vocabulary in its header
    assert sum(size > 1_100_000 for size in sizes) <= 2


def test_the_first_part_computes_what_the_whole_computes(
    whole, parts, contract, tokenizer, tmp_path
):
    folder, path = whole
    probes = probe_prompts(contract, hf_tokenize(tokenizer))
    expected = reference(load_folder(folder), probes, tmp_path)
    one, two = (measure(each, "Q8_0", expected) for each in (path, parts[0]))
    assert one == two


def test_metadata_goes_along(whole, parts):
    one, two = Model(whole[1]), Model(parts[0])
    for key in ("general.name", "general.architecture", "tokenizer.chat_template"):
        assert one.metadata(key) == two.metadata(key) != ""
    assert one.tokenize("The pump weighs 3 kg.") == two.tokenize("The pump weighs 3 kg.")
    one.close()
    two.close()


def test_a_missing_part_is_refused(parts, tmp_path):
    (tmp_path / parts[0].name).write_bytes(parts[0].read_bytes())
    with pytest.raises(IntegrityError, match="cannot be loaded"):
        Model(tmp_path / parts[0].name)


def test_same_inputs_give_the_same_bytes(whole, parts, cache, tmp_path):
    again = split_gguf(whole[1], tmp_path / "again", 1, cache)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in parts]


def test_a_damaged_file_leaves_nothing(cache, tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(ToolError, match=r"splitting bad\.gguf failed"):
        split_gguf(tmp_path / "bad.gguf", tmp_path / "out", 1, cache)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.gguf"]


@pytest.mark.parametrize("megabytes", [0, -1])
def test_parts_of_nothing_are_refused(whole, cache, tmp_path, megabytes):
    with pytest.raises(ConfigError, match="holds nothing"):
        split_gguf(whole[1], tmp_path / "out", megabytes, cache)


def test_a_folder_that_is_there_is_not_written_into(whole, cache, tmp_path):
    with pytest.raises(ConfigError, match="exists"):
        split_gguf(whole[1], tmp_path, 1, cache)
