"""safetensors files written tensor by tensor are what the library itself writes and reads."""

import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sfta_edge.errors import ConfigError
from sfta_export.tensors import TensorInfo, list_tensors, write_tensors

# Examples take as long as the machine is busy.
calmly = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
shapes = st.lists(st.integers(0, 4), max_size=3)
tensors = st.dictionaries(
    st.text("abc.ÄΩ", min_size=1, max_size=6),
    st.tuples(st.sampled_from(sorted(DTYPES)), shapes),
    min_size=1,
    max_size=5,
)


def random_tensors(kinds):
    torch.manual_seed(0)
    return {name: torch.randn(shape).to(DTYPES[kind]) for name, (kind, shape) in kinds.items()}


def infos_of(values, path):
    names = {dtype: kind for kind, dtype in DTYPES.items()}
    return [TensorInfo(n, names[v.dtype], tuple(v.shape), path) for n, v in values.items()]


@calmly
@given(tensors)
def test_what_is_written_is_read_back_bit_by_bit(tmp_path_factory, kinds):
    path = tmp_path_factory.mktemp("t") / "model.safetensors"
    values = random_tensors(kinds)
    write_tensors(path, infos_of(values, path), values.__getitem__)
    found = load_file(path)
    assert found.keys() == values.keys()
    for name, value in values.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


@calmly
@given(tensors)
def test_listing_agrees_with_what_was_written(tmp_path_factory, kinds):
    folder = tmp_path_factory.mktemp("t")
    values = random_tensors(kinds)
    save_file(values, folder / "model.safetensors")
    found = list_tensors(folder)
    assert {n: (i.dtype, list(i.shape)) for n, i in found.items()} == kinds
    for name, info in found.items():
        assert info.size == values[name].numel() * values[name].element_size()


def test_the_order_of_asking_does_not_change_the_bytes(tmp_path):
    values = random_tensors({"b": ("F16", [2]), "a": ("F16", [3]), "c": ("F32", [1])})
    infos = infos_of(values, tmp_path)
    write_tensors(tmp_path / "one", infos, values.__getitem__)
    write_tensors(tmp_path / "two", infos[::-1], values.__getitem__)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_one_tensor_is_read_at_a_time_in_the_order_of_names(tmp_path):
    values = random_tensors({"b": ("F16", [2]), "a": ("F16", [3])})
    asked = []

    def read(name):
        asked.append(name)
        return values[name]

    write_tensors(tmp_path / "x", infos_of(values, tmp_path), read)
    assert asked == ["a", "b"]


def test_the_data_start_at_a_multiple_of_eight(tmp_path):
    values = random_tensors({"name": ("F16", [2])})
    write_tensors(tmp_path / "x", infos_of(values, tmp_path), values.__getitem__)
    assert int.from_bytes((tmp_path / "x").read_bytes()[:8], "little") % 8 == 0


def test_a_transposed_view_is_written_in_its_own_order(tmp_path):
    value = torch.arange(6, dtype=torch.float32).reshape(2, 3).T
    info = TensorInfo("t", "F32", (3, 2), tmp_path)
    write_tensors(tmp_path / "x.safetensors", [info], lambda _name: value)
    assert torch.equal(load_file(tmp_path / "x.safetensors")["t"], value)


def test_shards_are_listed_together(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.zeros(1)}, tmp_path / "model-2.safetensors")
    assert {n: i.file.name for n, i in list_tensors(tmp_path).items()} == {
        "a": "model-1.safetensors",
        "b": "model-2.safetensors",
    }


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    for number in (1, 2):
        save_file({"a": torch.zeros(1)}, tmp_path / f"model-{number}.safetensors")
    with pytest.raises(ConfigError, match=r"model-2\.safetensors and model-1\.safetensors"):
        list_tensors(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no safetensors"):
        list_tensors(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"\x00" * 8, b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}x"])
def test_a_damaged_file_is_refused(tmp_path, raw):
    (tmp_path / "model.safetensors").write_bytes(raw)
    with pytest.raises(ConfigError):
        list_tensors(tmp_path)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.float8_e4m3fn, torch.float64])
def test_weights_that_are_no_16_or_32_bit_numbers_are_refused(tmp_path, dtype):
    save_file({"w": torch.zeros(2).to(dtype)}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="holds w as") as caught:
        list_tensors(tmp_path)
    assert "unquantized" in caught.value.hint


def test_the_header_says_that_torch_tensors_are_in_the_file(tmp_path):
    values = random_tensors({"a": ("F16", [2])})
    write_tensors(tmp_path / "x", infos_of(values, tmp_path), values.__getitem__)
    raw = (tmp_path / "x").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"] == {"format": "pt"}
