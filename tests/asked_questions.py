"""A question as a file holds it, and chunks it may be asked of."""


def row(identifier, question, *, oracles=(), kind="fact"):
    quotes = [{"chunk_id": name, "text": "t", "start": 0, "end": 1} for name in oracles]
    return {
        "id": identifier,
        "question": question,
        "kind": kind,
        "quotes": quotes,
        "answer": "7 bar" if oracles else "",
        "group": "g",
    }
