"""A model's licence is found where makers leave it, and what is missing is said."""

import gguf
import numpy as np
import pytest

from sfta.adapters import hub
from sfta.adapters.model_licence import ModelLicence, model_licence
from sfta.stages.licences import licence_line, write_licences


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return model


def write_gguf(path, **metadata):
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in metadata.items():
        writer.add_string(f"general.{key}", value)
    writer.add_tensor("x", np.zeros(1, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution that holds a model, under a licence of its own."""

    def install(licence="License: MIT", texts=("licenses/LICENSE",)):
        site = tmp_path / "site"
        info = site / "sfta_demo_models-1.0.dist-info"
        (site / "sfta_demo_models/model").mkdir(parents=True)
        (site / "sfta_demo_models/__init__.py").write_text("")
        (site / "sfta_demo_models/LICENSE").write_text("of the package's code")
        (site / "sfta_demo_models/model/config.json").write_text("{}")
        listed = ["sfta_demo_models/__init__.py"]
        for name in texts:
            (info / name).parent.mkdir(parents=True, exist_ok=True)
            (info / name).write_text("text of the package")
            listed.append(f"{info.name}/{name}")
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: sfta-demo-models\nVersion: 1.0\n{licence}\n")
        (info / "top_level.txt").write_text("sfta_demo_models\n")
        (info / "RECORD").write_text("".join(f"{name},,\n" for name in listed))
        monkeypatch.syspath_prepend(site)
        return site / "sfta_demo_models"

    return install


def found(spec, tmp_path, **options):
    return model_licence(str(spec), tmp_path / "cache", **options)


def test_texts_beside_the_model_are_its_own(folder, tmp_path):
    for name in ("LICENSE", "NOTICE.txt", "USE_POLICY.md", "licence-de.txt", "other.txt"):
        (folder / name).write_text(name)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Model\n")
    licence = found(folder, tmp_path)
    assert licence.stated == "Apache-2.0"
    assert sorted(licence.texts) == ["LICENSE", "NOTICE.txt", "USE_POLICY.md", "licence-de.txt"]
    assert licence.texts["LICENSE"] == b"LICENSE"
    assert licence.has_own_text


def test_a_relative_folder_starts_at_the_recipe(folder, tmp_path):
    (folder / "LICENSE").write_text("x")
    assert found("./model", tmp_path, root=tmp_path).texts == {"LICENSE": b"x"}


@pytest.mark.parametrize(
    ("readme", "stated"),
    [
        ("---\nlicense: mit\n---\n", "MIT"),
        ("---\nlicense: other\nlicense_name: llama3.2\n---\n", "llama3.2"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\nlicense: other\n---\n", ""),
        ("---\ntags: [x]\n---\n", ""),
        ("---\nlicense: [\n---\n", ""),
        ("# No front matter\n", ""),
        ("", ""),
    ],
)
def test_the_front_matter_of_the_readme_names_the_licence(folder, tmp_path, readme, stated):
    (folder / "README.md").write_text(readme)
    assert found(folder, tmp_path) == ModelLicence(stated)


def test_without_any_word_nothing_is_claimed(folder, tmp_path):
    licence = found(folder, tmp_path)
    assert licence == ModelLicence()
    assert not licence.has_own_text


def test_a_file_that_is_too_long_for_a_licence_is_left_out(folder, tmp_path):
    (folder / "LICENSE").write_bytes(b"x" * ((1 << 20) + 1))
    assert found(folder, tmp_path).texts == {}


def test_the_header_of_a_gguf_file_names_the_licence(tmp_path):
    write_gguf(tmp_path / "model.gguf", license="apache-2.0")
    (tmp_path / "LICENSE").write_text("beside")
    assert found(tmp_path / "model.gguf", tmp_path) == ModelLicence(
        "Apache-2.0", {"LICENSE": b"beside"}
    )


def test_a_whole_text_in_the_header_is_no_name(tmp_path):
    write_gguf(tmp_path / "model.gguf", license="Permission is hereby granted " * 9)
    assert found(tmp_path / "model.gguf", tmp_path).stated == ""


def test_a_package_of_the_same_licence_holds_the_model_s_text(package, tmp_path):
    write_gguf(package("License: Apache-2.0") / "m.gguf", license="apache-2.0")
    licence = found("package://sfta_demo_models/m.gguf", tmp_path)
    assert licence.stated == "Apache-2.0"
    assert licence.texts == {"LICENSE": b"text of the package"}
    assert licence.package == "sfta-demo-models"
    assert licence.has_own_text


def test_a_package_of_another_licence_does_not_hold_the_model_s_text(package, tmp_path):
    model = package() / "model"
    (model / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    licence = found("package://sfta_demo_models/model", tmp_path)
    assert (licence.stated, licence.package_stated) == ("Apache-2.0", "MIT")
    assert licence.texts
    assert not licence.has_own_text


@pytest.mark.parametrize(
    "texts", [("LICENSE",), ("licenses/LICENSE",), ("licenses/a/COPYING",)]
)
def test_a_package_s_word_counts_where_the_model_says_nothing(package, tmp_path, texts):
    package(texts=texts)
    licence = found("package://sfta_demo_models/model", tmp_path)
    assert licence.stated == "MIT"
    assert [name.removeprefix("a/") for name in licence.texts] in (["LICENSE"], ["COPYING"])
    assert licence.has_own_text


def test_a_package_without_a_text_gives_none(package, tmp_path):
    package(texts=())
    assert found("package://sfta_demo_models/model", tmp_path) == ModelLicence(
        "MIT", package_stated="MIT"
    )


def test_a_hub_model_brings_its_texts(folder, tmp_path, monkeypatch):
    (folder / "LICENSE").write_text("of the hub")
    monkeypatch.setattr(hub, "_download", lambda name, patterns: folder)
    licence = found("maker/small-1b", tmp_path)
    assert licence.texts == {"LICENSE": b"of the hub"}


def test_the_texts_of_a_hub_model_are_asked_for(monkeypatch, folder):
    asked = []

    def download(name, *, revision, allow_patterns):
        asked.extend(allow_patterns)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    hub.resolve_settings("maker/small-1b", folder)
    assert {"LICEN[CS]E*", "NOTICE*", "USE_POLICY*", "README.md"} <= set(asked)
    assert "*.safetensors" not in asked


def test_the_digest_follows_name_and_text():
    first = ModelLicence("MIT", {"LICENSE": b"a"})
    assert first.digest == ModelLicence("MIT", {"LICENSE": b"a"}).digest
    others = [
        ModelLicence("MIT", {"LICENSE": b"b"}),
        ModelLicence("MIT", {"COPYING": b"a"}),
        ModelLicence("ISC", {"LICENSE": b"a"}),
        ModelLicence("MIT", {"LICENSE": b"a"}, "p"),
    ]
    assert first.digest not in {other.digest for other in others}


def test_texts_are_written_below_their_part(tmp_path):
    write_licences(tmp_path, {"embedder": ModelLicence("MIT", {"a/COPYING": b"x", "N": b"y"})})
    assert (tmp_path / "licences/embedder/a/COPYING").read_bytes() == b"x"
    assert (tmp_path / "licences/embedder/N").read_bytes() == b"y"


@pytest.mark.parametrize(
    ("licence", "sentence"),
    [
        (ModelLicence("MIT", {"L": b""}), "`MIT`; the text is in `licences/x/`"),
        (ModelLicence("", {"L": b""}), "not stated; the text is in `licences/x/`"),
        (ModelLicence("MIT"), "`MIT`; its text was not found, ask its maker"),
        (ModelLicence(), "not stated; its text was not found, ask its maker"),
        (
            ModelLicence("Apache-2.0", {"L": b""}, "p", "MIT"),
            "`Apache-2.0`; its text was not found, ask its maker for it before you pass the "
            "bundle on. In `licences/x/` is the licence of the package p it came in (MIT)",
        ),
    ],
)
def test_the_card_says_what_is_there_and_what_is_missing(licence, sentence):
    assert licence_line("x", licence).startswith(sentence)
