"""Files to ingest, and runs of the stage over them."""

import json

import pymupdf
import pytest

from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages
from sfta.recipe import Recipe
from sfta.stages import ingest

PROSE = "The compressor delivers air without oil. Both rotors turn in dry air all the time."


def recipe_for(root, *sources, **settings):
    data = {
        "name": "test",
        "ingest": {"sources": list(sources) or ["docs"], **settings},
        "model": {"base": "package://none/none.gguf"},
    }
    recipe = build(Recipe, data, name="test")
    recipe._root = root
    return recipe


def pdf(text="", *, picture=False, **save):
    with pymupdf.open() as document:
        page = document.new_page()
        if text:
            page.insert_text((72, 100), text)
        if picture:
            page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 9, 9), 0))
        return document.tobytes(**save)


ENCRYPTED = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "secret", "owner_pw": "x"}


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


@pytest.fixture
def runtime(tmp_path):
    return Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache", workers=2)


def run(recipe, runtime):
    return run_stages([ingest.STAGE], recipe, runtime)["documents"]


def lines(artifact, name):
    return [json.loads(line) for line in artifact.file(name).read_bytes().splitlines()]
