"""Pages of typed lines, and the laws that chunks of any page keep."""

import re

from sfta.documents.document import Fragment, PageWriter


def count(text):
    """Words and signs: a stand-in for a tokenizer that is easy to count by hand."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def page(*blocks, number=1):
    """A page of (kind, text) or (kind, text, level) blocks."""
    writer = PageWriter(number)
    for kind, text, *level in blocks:
        header = text.split("\n")[0].strip("| ") if kind == "table" else ""
        fragments = [Fragment(line, None, "\n") for line in text.split("\n")]
        writer.add(kind, fragments, level=level[0] if level else 0, header=header)
    return writer.page()


def assert_laws(pages, chunks, max_tokens):
    texts = {p.number: p.text for p in pages}
    for chunk in chunks:
        assert chunk.text == texts[chunk.page][chunk.start : chunk.end]
        assert chunk.text.strip() == chunk.text != ""
        assert chunk.tokens == count(chunk.text) <= max_tokens
    for number, text in texts.items():
        own = [chunk for chunk in chunks if chunk.page == number]
        ends = [0, *(chunk.end for chunk in own)]
        gaps = [
            text[a:b] for a, b in zip(ends, [*(c.start for c in own), len(text)], strict=True)
        ]
        assert not "".join(gaps).strip(), "text between the chunks"
        rebuilt = "".join(
            part
            for pair in zip(gaps, [*(c.text for c in own), ""], strict=True)
            for part in pair
        )
        assert rebuilt == text


def table(rows):
    body = "\n".join(f"| E-{i} | meaning {i} | act {i} |" for i in range(rows))
    return f"| Code | Meaning (short) | Action |\n|---|---|---|\n{body}"


def rebuilt(text, chunks):
    """The page from its chunks: each adds what stands behind the end of the one before."""
    made = ""
    for chunk in chunks:
        made += text[len(made) : chunk.start]
        made += chunk.text[len(made) - chunk.start :]
    return made + text[len(made) :]
