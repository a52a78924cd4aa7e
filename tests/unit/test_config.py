"""Settings: strict, with every problem of a file named at once."""

import math
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from sfta.core.config import Section, build, override, parse_value, read_yaml
from sfta_edge.errors import ConfigError


class Rules(Section):
    kind: Literal["rules"] = "rules"
    phrasings: int = 3


class Remote(Section):
    kind: Literal["remote"]
    address: str
    attempts: int = 5


class Filter(Section):
    words: int = 3


class Train(Section):
    rate: float = 1e-4
    epochs: int = 2
    shuffle: bool = True
    filters: list[Filter] = []
    only: Filter | None = None

    @field_validator("epochs")
    @classmethod
    def _some(cls, value: int) -> int:
        if value < 1:
            raise ValueError("Must be at least 1")
        return value


class Whole(Section):
    name: str
    train: Train = Train()
    teacher: Annotated[Rules | Remote, Field(discriminator="kind")] = Rules()


def settings(**data: Any) -> Whole:
    return build(Whole, {"name": "x", **data}, name="my.yaml")


def problems(**data: Any) -> list[str]:
    with pytest.raises(ConfigError) as info:
        settings(**data)
    head, *lines = str(info.value).splitlines()
    assert head.startswith(f"my.yaml has {len(lines)} problem")
    return [line.strip() for line in lines]


def test_a_section_has_its_defaults():
    assert settings().train.rate == 1e-4
    assert settings(train={"epochs": 5}).train == Train(epochs=5)


def test_a_section_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        settings().name = "y"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"tran": {}}, "tran: unknown key (did you mean train?)"),
        ({"train": {"epoch": 3}}, "train.epoch: unknown key (did you mean epochs?)"),
        ({"train": {"filters": [{}, {"word": 1}]}}, "train.filters.1.word: unknown key"),
        (
            {"train": {"only": {"word": 1}}},
            "train.only.word: unknown key (did you mean words?)",
        ),
        (
            {"teacher": {"kind": "rules", "phrasing": 1}},
            "teacher.rules.phrasing: unknown key (did you mean phrasings?)",
        ),
        (
            {"teacher": {"kind": "remote", "address": "a", "adress": "b"}},
            "teacher.remote.adress: unknown key (did you mean address?)",
        ),
        (
            {"train": {"zzz": 1}},
            "train.zzz: unknown key (known: epochs, filters, only, rate, shu",
        ),
        (
            {"teacher": {"kind": "rules", "address": "a"}},
            "teacher.rules.address: unknown key (known: kind, phrasings)",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_closest_known_one(data, problem):
    (line,) = problems(**data)
    assert line.startswith(problem)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"name": 3}, "name"),
        ({"train": {"epochs": "3"}}, "train.epochs"),
        ({"train": {"epochs": 3.0}}, "train.epochs"),
        ({"train": {"epochs": True}}, "train.epochs"),
        ({"train": {"rate": "1e-4"}}, "train.rate"),
        ({"train": {"shuffle": "yes"}}, "train.shuffle"),
        ({"train": {"shuffle": 1}}, "train.shuffle"),
        ({"train": {"filters": {}}}, "train.filters"),
        ({"train": None}, "train"),
        ({"train": [1]}, "train"),
        ({"teacher": {}}, "teacher"),
        ({"teacher": {"kind": "oracle"}}, "teacher"),
        ({"teacher": {"kind": "remote"}}, "teacher.remote.address"),
    ],
)
def test_a_value_of_another_type_is_refused(data, place):
    (line,) = problems(**data)
    assert line.startswith(f"{place}: ")


def test_a_whole_number_may_stand_for_a_decimal_one():
    assert settings(train={"rate": 1}).train.rate == 1.0


def test_all_problems_are_reported_together():
    lines = problems(train={"epochs": 0, "rate": "x", "ratee": 1}, teacher={"kind": "remote"})
    assert [line.partition(":")[0] for line in lines] == [
        "train.rate",
        "train.epochs",
        "train.ratee",
        "teacher.remote.address",
    ]
    assert "train.epochs: must be at least 1" in lines


def test_one_problem_is_not_many():
    with pytest.raises(ConfigError, match=r"^my\.yaml has 1 problem:\n  name: field required$"):
        build(Whole, {}, name="my.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E+3", 1000.0),
        ("-2.5e-3", -2.5e-3),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("", None),
        ("~", None),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_a_value_is_read_as_it_looks(text, value):
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "Off",
        "y",
        "e5",
        "1e",
        "010",
        "08",
        "1_000",
        "12:30:45",
        "12:30:45.5",
        "2024-02-30",
        "2024-01-01",
        "0x1F",
        "a=b",
    ],
)
def test_what_only_resembles_another_type_stays_text(text):
    assert parse_value(text) == text


def test_an_unreadable_value_is_named():
    with pytest.raises(ConfigError, match=r"cannot read the value '\[1'"):
        parse_value("[1")


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)


@given(
    st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.sampled_from("abc"), v))
)
def test_what_yaml_writes_is_read_back(value):
    assert parse_value(yaml.safe_dump(value)) == value


@pytest.mark.parametrize(
    ("assignment", "result"),
    [
        ("name=y", {"name": "y", "train": {"epochs": 1}}),
        ("train.epochs=3", {"name": "x", "train": {"epochs": 3}}),
        ("train.rate=1e-5", {"name": "x", "train": {"epochs": 1, "rate": 1e-5}}),
        (
            "new.deep.key=no",
            {"name": "x", "train": {"epochs": 1}, "new": {"deep": {"key": "no"}}},
        ),
        (
            "train.filters=[{words: 2}]",
            {"name": "x", "train": {"epochs": 1, "filters": [{"words": 2}]}},
        ),
        ("name=a=b", {"name": "a=b", "train": {"epochs": 1}}),
        ("train={}", {"name": "x", "train": {}}),
        (" train.epochs = 3", {"name": "x", "train": {"epochs": 3}}),
    ],
)
def test_an_assignment_changes_one_value(assignment, result):
    data = {"name": "x", "train": {"epochs": 1}}
    override(data, assignment)
    assert data == result


@pytest.mark.parametrize("assignment", ["", "name", "=3", "train.=3", ".epochs=3", "a..b=3"])
def test_an_assignment_without_key_or_value_is_refused(assignment):
    with pytest.raises(ConfigError, match="cannot read --set") as info:
        override({}, assignment)
    assert info.value.hint == "Write --set section.key=value."


@pytest.mark.parametrize("assignment", ["name.x=3", "files.0=a", "nothing.x=1"])
def test_a_value_cannot_be_used_as_a_section(assignment):
    with pytest.raises(ConfigError, match="is a value, not a section"):
        override({"name": "x", "files": ["a"], "nothing": None}, assignment)


def test_a_file_is_one_mapping(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("name: x\ntrain:\n  rate: 2e-4\n", "utf-8")
    assert read_yaml(path) == {"name": "x", "train": {"rate": 2e-4}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no settings"),
        (b"just text", "holds no settings"),
        (b"- a\n- b\n", "holds no settings"),
        (b"a: [1\n", "is not valid YAML"),
        (b"a: 1\nb: 2\na: 3\n", "repeated key: a"),
        (b"a:\n  b: 1\n  b: 1\n", "repeated key: b"),
        (b"1: a\n1: b\n", "repeated key: 1"),
        (b"? [a]\n: 1\n", "is not valid YAML"),
        (b"a: !!python/object/apply:os.system [id]\n", "is not valid YAML"),
        (b"a: \xff\n", "cannot read"),
        (b"a: 1\n---\nb: 2\n", "is not valid YAML"),
        (b"a:\t1\n\tb: 2", "is not valid YAML"),
    ],
)
def test_an_unusable_file_is_named_in_one_line(tmp_path, content, reason):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason) as info:
        read_yaml(path)
    assert str(path) in str(info.value)
    assert len(str(info.value).splitlines()) == 1
    assert info.value.exit_code == 2


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ConfigError, match=f"there is no file {tmp_path / 'my.yaml'}"):
        read_yaml(tmp_path / "my.yaml")
    with pytest.raises(ConfigError, match=f"cannot read {tmp_path}"):
        read_yaml(tmp_path)


def test_reading_leaves_yaml_itself_as_it_was():
    parse_value("1e-4")
    assert yaml.safe_load("yes") is True
    assert yaml.safe_load("1e-4") == "1e-4"
