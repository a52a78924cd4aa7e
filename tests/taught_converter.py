"""A copy of the GGUF converter that also knows a vocabulary made for a test.

The converter names the rules by which words are cut after the ids of one text, and knows those
of published vocabularies only. llama.cpp's own way of adding one is another digest in its list;
here it goes into a copy. Whether the rules of that name are those of the tokenizer is still found
out, text by text, when ids are compared.
"""

import ast
import hashlib
import shutil

from transformers import AutoTokenizer

from sfta_export import toolchain

_LIST = "        res = None\n"


def teach(tools, cache, model_dir, rules):
    """Make a cache whose converter reads the words of a folder by the rules of that name."""
    folder = toolchain.tools_folder(cache)
    folder.parent.mkdir(parents=True)
    shutil.copytree(tools.folder, folder)
    source = folder / toolchain.CONVERTER / "conversion" / "base.py"
    text = source.read_text("utf-8")
    ids = AutoTokenizer.from_pretrained(model_dir).encode(_text_of(text))
    digest = hashlib.sha256(str(ids).encode()).hexdigest()
    assert text.count(_LIST) == 1
    entry = f'        if chkhsh == "{digest}":\n            res = "{rules}"\n'
    source.write_text(text.replace(_LIST, _LIST + entry), "utf-8")
    return cache


def _text_of(source):
    """What the converter encodes."""
    (found,) = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "chktxt"
    ]
    return ast.literal_eval(found)
