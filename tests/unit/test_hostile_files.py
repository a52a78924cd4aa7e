"""Attacks on ingest: each ends as one line with a reason, and the files beside it are read."""

import io
import json
import os
import socket
import struct
import zlib
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from pretended_tesseract import Pretended, saved, sheet
from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages
from sfta.documents.ocr.tesseract import find_engine
from sfta.recipe import Recipe
from sfta.stages import ingest

GOOD = "The compressor delivers air without oil."
PAGES = 100_000


def objects_as_pdf(objects, trailer=b""):
    """A PDF of hand-written objects; the first is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer)
    return bytes(out) + head + table + end + b"startxref\n%d\n%%%%EOF\n" % len(out)


def stream(head, body):
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (head, len(body), body)


def one_page(contents, resources=b"", more=()):
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<<%s>>>>"
    return objects_as_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page % resources,
            contents,
            *more,
        ]
    )


def many_pages():
    kids = b" ".join(b"%d 0 R" % number for number in range(3, PAGES + 3))
    return objects_as_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 9 9]>>" % (kids, PAGES),
            *[b"<</Type/Page/Parent 2 0 R>>"] * PAGES,
        ]
    )


def bomb():
    """Fifty megabytes of drawing commands in a small file."""
    packer = zlib.compressobj(9)
    block = b"BT /F 9 Tf 9 9 Td (" + b"word " * 200_000 + b") Tj ET\n"
    packed = b"".join(packer.compress(block) for _ in range(50)) + packer.flush()
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return one_page(stream(b"/Filter/FlateDecode", packed), b"/Font<</F 5 0 R>>", [font])


def nested_arrays():
    depth = 200_000
    return one_page(stream(b"", b"[" * depth + b"]" * depth + b" TJ"), b"/X " + b"[" * depth)


def nested_pages():
    """Each page tree holds another, and the last one the first."""
    nodes = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 1) for n in range(2, 3000)]
    return objects_as_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", *nodes, b"<</Type/Pages/Kids[2 0 R]>>"]
    )


def png_of(width, height):
    """A picture that says it is large, with nothing in it."""

    def chunk(kind, body):
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(b"\x00" * 1000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def looping_tiff():
    """A TIFF whose second page is followed by its first."""
    out = io.BytesIO()
    pages = [Image.new("L", (9, 9), 255), Image.new("L", (9, 9), 0)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    raw = bytearray(out.getvalue())
    first = struct.unpack_from("<I", raw, 4)[0]
    entries = struct.unpack_from("<H", raw, first)[0]
    second = struct.unpack_from("<I", raw, first + 2 + 12 * entries)[0]
    entries = struct.unpack_from("<H", raw, second)[0]
    struct.pack_into("<I", raw, second + 2 + 12 * entries, first)
    return bytes(raw)


def long_tiff():
    """Six thousand pages of one pixel."""
    out = io.BytesIO()
    page = Image.new("1", (1, 1))
    page.save(out, "TIFF", save_all=True, append_images=[page] * 5999)
    return out.getvalue()


def pdf(**save):
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 100), GOOD)
        return document.tobytes(**save)


ENCRYPTED = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "secret", "owner_pw": "x"}
FILES = {
    "encrypted.pdf": lambda: pdf(**ENCRYPTED),
    "truncated.pdf": lambda: pdf()[:600],
    "many-pages.pdf": many_pages,
    "bomb.pdf": bomb,
    "nested-arrays.pdf": nested_arrays,
    "nested-pages.pdf": nested_pages,
    "nested.html": lambda: b"<html><body>" + b"<div>" * 200_000,
    "zero.pdf": lambda: b"",
    "huge.png": lambda: png_of(60_000, 60_000),
    "truncated.png": lambda: saved(sheet())[:5000],
    "looping.tiff": looping_tiff,
    "huge.tiff": long_tiff,
    "page.pdf.exe": lambda: b"MZ" + bytes(200),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What ingest makes of a folder full of attacks, and one good file at its end."""
    root = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        Pretended(tmp_path_factory.mktemp("program"), patch)
        yield ingested(root, filled(root))
    find_engine.cache_clear()


def filled(root):
    """A folder of attacks."""
    docs, outside = root / "docs", root / "outside.txt"
    docs.mkdir()
    for name, content in FILES.items():
        (docs / name).write_bytes(content())
    outside.write_text("A secret of the machine.")
    os.mkfifo(docs / "pipe.pdf")
    (docs / "out.txt").symlink_to(outside)
    (docs / "device.txt").symlink_to("/dev/zero")
    (docs / "nowhere.txt").symlink_to(docs / "gone.txt")
    (docs / "folder").symlink_to(root)
    (docs / "inside.txt").symlink_to(docs / "z-good.txt")
    (docs / os.fsdecode(b"name-\xff.txt")).write_text("Text.")
    (docs / "sparse.txt").touch()
    os.truncate(docs / "sparse.txt", 1 << 40)
    (docs / "z-good.txt").write_text(GOOD)
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(docs)  # the path of a socket must be short
        try:
            listener.bind("socket.txt")
        finally:
            os.chdir(here)
    return docs


def ingested(root, docs):
    data = {
        "name": "test",
        "ingest": {"sources": [docs.name], "limits": {"memory_mb": 300}},
        "model": {"base": "package://none/none.gguf"},
    }
    recipe = build(Recipe, data, name="test")
    recipe._root = root
    runtime = Runtime(runs=root / "runs", cache=root / "cache", workers=2)
    return run_stages([ingest.STAGE], recipe, runtime)["documents"]


def rows(artifact, name):
    return [json.loads(line) for line in artifact.file(name).read_bytes().splitlines()]


ATTACKS = {
    "encrypted.pdf": ("encrypted", "asks for a password"),
    "truncated.pdf": ("damaged", ""),
    "many-pages.pdf": ("too_large", "100000 pages, more than ingest.limits.pages"),
    "bomb.pdf": ("too_large", "ingest.limits"),
    "nested-arrays.pdf": ("no_text", "its page holds no text"),
    "nested-pages.pdf": ("damaged", ""),
    "nested.html": ("no_text", "it holds markup and no text"),
    "zero.pdf": ("empty", "holds no bytes"),
    "huge.png": ("too_large", "60000 x 60000 pixels, more than ingest.limits.megapixels"),
    "huge.tiff": ("too_large", "more than ingest.limits.pages allows"),
    "truncated.png": ("damaged", "no readable picture"),
    "page.pdf.exe": ("unsupported", "it is a program"),
    "pipe.pdf": ("refused", "a pipe, a socket or a device"),
    "socket.txt": ("refused", "a pipe, a socket or a device"),
    "out.txt": ("refused", "a link that leads out of its folder"),
    "device.txt": ("refused", "a link that leads out of its folder"),
    "nowhere.txt": ("refused", "a link that leads nowhere"),
    "folder": ("refused", "a link that leads out of its folder"),
    "name-\\xff.txt": ("refused", "not written in UTF-8"),
    "sparse.txt": ("too_large", "more than ingest.limits.file_mb allows"),
    "z-good.txt": ("duplicate", "the same content as inside.txt"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_set_aside_with_its_reason(made, name):
    code, reason = ATTACKS[name]
    found = [row for row in rows(made, "quarantine.jsonl") if row["name"] == name]
    assert len(found) == 1
    assert found[0]["code"] == code
    assert reason in found[0]["reason"]
    assert "\n" not in found[0]["reason"]


def test_the_files_beside_the_attacks_are_read(made):
    documents = {d["name"]: d["pages"] for d in rows(made, "documents.jsonl")}
    assert documents["inside.txt"][0]["text"] == GOOD


def test_a_picture_whose_pages_go_round_is_read_once(made):
    documents = {d["name"]: d["pages"] for d in rows(made, "documents.jsonl")}
    assert len(documents["looping.tiff"]) == 2


def test_every_file_of_the_folder_is_accounted_for(made):
    names = {row["name"] for row in rows(made, "quarantine.jsonl")}
    assert names == set(ATTACKS)
    read = {row["name"] for row in rows(made, "documents.jsonl")}
    assert read == {"inside.txt", "looping.tiff"}
    assert made.metrics["quarantined"] == len(ATTACKS)


def test_nothing_of_the_machine_outside_of_the_folder_is_read(made):
    assert b"secret" not in made.file("documents.jsonl").read_bytes()
