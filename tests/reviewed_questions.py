"""Questions on the review page, and how a test writes into it and reads what it saves."""

from opened_pages import saved
from sfta.evaluation.questions import read_questions
from sfta.evaluation.review.page import question_page

ATTACK = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    " </script> \u2028 and so on"
)
LARGE = 9007199254740993  # no float holds it


def question(number, **changes):
    return {
        "id": f"q{number:03}",
        "question": f"How heavy is pump number {number}?",
        "answers": [f"{number} kg"],
        "answerable": True,
        "oracle_pages": [{"document": "manual.pdf", "page": number + 1}],
        "kind": ("mass", "limit")[number % 2],
        "near_ids": [LARGE],
    } | changes


def written_page(folder, content):
    """The review page of a question file, as `sfta questions review` writes it."""
    source = folder / "asked.jsonl"
    source.write_bytes(content.encode())
    path = folder / "review.html"
    path.write_text(question_page(source).html, "utf-8")
    return path


def write(window, selector, value):
    """Replace what stands in a field, as a person who types does."""
    window.execute_script(
        "const e = document.querySelector(arguments[0]); e.focus(); e.value = arguments[1];"
        "e.dispatchEvent(new Event('input', {bubbles: true}));", selector, value,
    )  # fmt: skip


def saved_lines(window):
    """What the page saves: the raw lines, and the questions by id as `evaluate` reads them."""
    path = saved(window, "asked.jsonl")
    raw = path.read_bytes().decode()
    return raw, {found.id: found for found in read_questions(path)}
