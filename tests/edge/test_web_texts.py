"""The files of the device's page: nothing from outside or executed, all said in both languages."""

import json
import re

import pytest

from sfta_edge.pages import page_files

FILES = {name: content.decode("utf-8") for name, content in page_files().items()}
SCRIPTS = {name: text for name, text in FILES.items() if name.endswith(".js")}
CODE = {name: text for name, text in SCRIPTS.items() if not name.startswith("text.")}
LANGUAGES = ("en", "de")
PLURALS = (".one", ".other")
MAX_LINES = 300


def texts_in(name):
    found = re.findall(r'^  ("[^"]+"): (".*"),$', FILES[name], re.MULTILINE)
    return {json.loads(key): json.loads(text) for key, text in found}


def dictionaries(language):
    """Texts by the file they stand in; files have the same names in all languages."""
    names = [name for name in FILES if re.fullmatch(rf"text(\.\w+)?\.{language}\.js", name)]
    return {name.replace(f".{language}.", "."): texts_in(name) for name in sorted(names)}


PARTS = {language: dictionaries(language) for language in LANGUAGES}
TEXTS = {
    language: {key: text for part in PARTS[language].values() for key, text in part.items()}
    for language in LANGUAGES
}


def stem(key):
    return next((key.removesuffix(end) for end in PLURALS if key.endswith(end)), key)


def test_both_languages_have_the_same_texts_in_the_same_order():
    assert len(TEXTS["en"]) > 200
    assert list(PARTS["en"]) == list(PARTS["de"])
    for name, part in PARTS["en"].items():
        assert list(part) == list(PARTS["de"][name]) == sorted(part, key=order)
    assert sum(len(part) for part in PARTS["en"].values()) == len(TEXTS["en"])


def order(key):
    """Texts of the same thing stand together, whatever sorts between a dot and a letter."""
    return re.split(r"(?=\.)", key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_a_dictionary_is_a_text(language):
    names = [name for name in FILES if re.fullmatch(rf"text(\.\w+)?\.{language}\.js", name)]
    lines = [line for name in names for line in FILES[name].splitlines()]
    assert len([line for line in lines if line.startswith("  ")]) == len(TEXTS[language])
    assert all(text.strip() == text != "" for text in TEXTS[language].values())


def test_a_text_has_the_same_places_to_fill_in_both_languages():
    for key, text in TEXTS["en"].items():
        spots = set(re.findall(r"\{(\w+)\}", text))
        assert spots == set(re.findall(r"\{(\w+)\}", TEXTS["de"][key])), key


def test_every_text_is_said_and_everything_said_has_a_text():
    code = "\n".join(CODE.values())
    said = set(re.findall(r'"([a-z]+(?:\.[a-z0-9]+)*)"', code))
    known = {stem(key) for key in TEXTS["en"]}
    assert known - said == set()
    direct = set(re.findall(r'\bsay\(\s*"([^"]+)"', code))
    assert direct - known == set()


@pytest.mark.parametrize("name", sorted(CODE))
def test_what_is_said_with_a_count_has_a_singular_and_a_plural(name):
    for key in re.findall(r'\bsay\("([^"]+)", \{ count', CODE[name]):
        assert key == "elapsed" or {f"{key}.one", f"{key}.other"} <= TEXTS["en"].keys(), key


def test_what_the_page_shows_to_people_is_not_written_into_its_code():
    for name, code in CODE.items():
        sentences = re.findall(r'"([A-Z][a-z]+ [a-z][^"]*)"', code)
        assert sentences == [], name


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_text_of_models_and_documents_never_becomes_markup_or_code(name):
    sinks = (
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
        "DOMParser", "createContextualFragment", "setHTML", "srcdoc", "javascript:", '"data:image',
        '"data:text', "data:application",
    )  # fmt: skip
    assert [sink for sink in sinks if sink in SCRIPTS[name]] == []
    assert not re.search(r'setTimeout\(["`\']', SCRIPTS[name])


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_values_in_addresses_are_escaped(name):
    for address in re.findall(r"(?<!path)`(v1/[^`]*)`", SCRIPTS[name]):
        bare = re.sub(r"\$\{(?:query|since|AT_ONCE)\}", "", address)
        assert "${" not in bare, address
    for made in re.findall(r"const since = .*", SCRIPTS[name]):
        assert "encodeURIComponent(before)" in made


def test_the_page_asks_nothing_of_the_outside():
    outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", "\n".join(FILES.values()))
    assert set(outside) <= {"http://www.w3.org"}  # the name of SVG, which nothing fetches
    for name, text in FILES.items():
        if name.endswith(".css"):
            assert not re.search(r"@import|url\(", text), name


def test_the_page_has_no_inline_code_that_its_policy_would_block():
    html = FILES["index.html"]
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert "<style" not in html
    assert not re.search(r"\son\w+=|\sstyle=", html)
    assert not re.search(r'setAttribute\("style"|[{,] style:', "\n".join(CODE.values()))


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_module_uses_what_it_imports_and_imports_what_there_is(name):
    for names, source in re.findall(r'import \{([^}]+)\} from "\./([^"]+)"', SCRIPTS[name]):
        for imported in (part.strip() for part in names.split(",") if part.strip()):
            exported = rf"export (?:async )?(?:function|const|class) {imported}\b"
            assert re.search(exported, SCRIPTS[source]), (source, imported)
            rest = re.sub(r"import .*?;\n", "", SCRIPTS[name], flags=re.DOTALL)
            assert re.search(rf"\b{imported}\b", rest), imported


def test_every_file_is_reached_from_the_page():
    reached, ahead = set(), ["index.html"]
    while ahead:
        name = ahead.pop()
        reached.add(name)
        named = re.findall(r'(?:src|href)="([\w.-]+\.\w+)"|"\./([\w.-]+)"', FILES[name])
        ahead += [part for pair in named for part in pair if part and part not in reached]
    assert reached == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_says_what_it_holds_and_fits_on_a_few_screens(name):
    text = FILES[name]
    assert len(text.splitlines()) <= MAX_LINES
    if not name.endswith((".svg", ".html")):
        assert text.startswith(("// ", "/* "))


def test_every_drawing_that_is_asked_for_is_drawn_and_none_in_vain():
    drawn = set(re.findall(r"^  (\w+): \[", FILES["icon.js"], re.MULTILINE))
    code = "\n".join(text for name, text in CODE.items() if name != "icon.js")
    quoted = set(re.findall(r'"(\w+)"', code))
    assert drawn <= quoted
    assert set(re.findall(r'\bicon\("(\w+)"', code)) <= drawn
