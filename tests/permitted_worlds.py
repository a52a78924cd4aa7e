"""Random documents, groups, collections and askers, and what a search by hand would find."""

import math
import re
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from sfta_edge.caller import View, groups_of
from sfta_edge.knowledge import KnowledgeWriter, open_knowledge, write_knowledge
from sfta_edge.query import phrases
from word_retriever import Identity, WordEmbedder

WORDS = ["oil", "pump", "filter", "pressure", "valve", "motor"]
GROUPS = ["sales", "service", "sales ops", "vente\u0301", "'; --", "*"]
COLLECTIONS = ["", "pumps", "motors", "%"]


@dataclass
class World:
    """Documents, as drawn: their file, access, collection and the texts of their chunks."""

    documents: list = field(default_factory=list)

    def seen(self, view):
        """Ids of the chunks that a view may see."""
        return {
            chunk_id(number, place)
            for number, (_, access, collection, texts) in enumerate(self.documents)
            if view.groups is None or not groups_of(access) or groups_of(access) & view.groups
            if view.collections is None or collection in view.collections
            for place in range(len(texts))
        }

    def all_ids(self):
        return self.seen(View())

    def text(self, identifier):
        number, place = map(int, identifier[1:].split("-"))
        return self.documents[number][3][place]


def chunk_id(document, place):
    return f"c{document}-{place}"


groups = st.frozensets(st.sampled_from(GROUPS), max_size=3)
accesses = st.one_of(
    groups.map(lambda names: ", ".join(sorted(names))),
    st.sampled_from(["", " ", ",", "sales,", ",,service"]),
)
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
documents = st.tuples(
    st.integers(0, 1), accesses, st.sampled_from(COLLECTIONS), st.lists(sentences, max_size=3)
)
worlds = st.lists(documents, min_size=1, max_size=7).map(World)
views = st.builds(
    View,
    st.none() | groups,
    st.none() | st.frozensets(st.sampled_from(COLLECTIONS), max_size=3),
)


def write_world(world, folder):
    """One file as a bundle has it, one as the device grows it."""
    paths = [folder / "bundle.sqlite", folder / "own.sqlite"]
    made = [_records(number, *facts) for number, facts in enumerate(world.documents)]
    bundled = [
        parts for parts, facts in zip(made, world.documents, strict=True) if not facts[0]
    ]
    chunks = [chunk for _, part in bundled for chunk in part]
    records = [document for document, _ in bundled]
    write_knowledge(paths[0], records, chunks, _vectors(chunks), Identity())
    writer = KnowledgeWriter.create(paths[1], Identity())
    for (document, part), facts in zip(made, world.documents, strict=True):
        if facts[0]:
            writer.add(document, part, _vectors(part))
    writer.close()
    return paths


def scores_by_hand(world, paths, question, view):
    """Fused score of every chunk that the view may see and a search could hand over.

    bm25 is that of FTS5, taken word by word from queries without any filter; a word weighs what
    it weighs in both files together.
    """
    seen, words = world.seen(view), {}
    for phrase in phrases(question):
        found = [_matching(path, phrase) for path in paths]
        weight = _weight(sum(count for count, _ in found), sum(len(rows) for _, rows in found))
        for count, rows in found:
            for identifier, score in rows:
                if identifier in seen:
                    part = -score / _weight(count, len(rows)) * weight
                    words[identifier] = words.get(identifier, 0.0) + part
    (vector,) = WordEmbedder().embed([question])
    best = max(words.values(), default=0.0) or 1.0
    return {
        identifier: 0.5 * words.get(identifier, 0.0) / best
        + 0.5 * float(np.clip(WordEmbedder().embed([world.text(identifier)])[0] @ vector, 0, 1))
        for identifier in seen
    }


def _matching(path, phrase):
    """How many chunks a file has, and each with the phrase and its bm25."""
    knowledge = open_knowledge(path)
    ((count,),) = knowledge.connection.execute("SELECT count(*) FROM chunks")
    rows = list(
        knowledge.connection.execute(
            "SELECT id, bm25(chunks_fts, 0.5, 0.75, 1.0) FROM chunks_fts"
            " JOIN chunks ON number = chunks_fts.rowid WHERE chunks_fts MATCH ?",
            (phrase,),
        )
    )
    knowledge.close()
    return count, rows


def _weight(chunks, holding):
    """The inverse document frequency as FTS5 has it."""
    return max(1e-6, math.log((chunks - holding + 0.5) / (holding + 0.5)))


def same_scores(found, expected, top_k):
    """Whether a list of hits is one of the best there can be."""
    best = sorted(expected.values(), reverse=True)[:top_k]
    return len(found) == len(best) and all(
        math.isclose(hit.score, score, abs_tol=1e-5)
        and math.isclose(hit.score, expected[hit.chunk.id], abs_tol=1e-5)
        for hit, score in zip(found, best, strict=True)
    )


def _records(number, _, access, collection, texts):
    identifier, page, start, chunks = f"d{number}", "\n".join(texts), 0, []
    for place, text in enumerate(texts):
        assert re.fullmatch(r"[a-z ]+", text)
        chunks.append({
            "id": chunk_id(number, place), "document_id": identifier, "ordinal": place, "page": 1,
            "start": start, "end": start + len(text), "heading": "", "text": text, "tokens": 1,
        })  # fmt: skip
        start += len(text) + 1
    document = {
        "id": identifier, "name": f"{number}.txt", "title": f"Title {number}", "sha256": "0" * 64,
        "media_type": "text/plain", "access": access, "collection": collection,
        "pages": [{"number": 1, "text": page, "width": 1, "height": 1,
                   "lines": [[0, len(page), 0, 0, 1, 1]]}],
    }  # fmt: skip
    return document, chunks


def _vectors(chunks):
    if not chunks:
        return np.zeros((0, Identity().dimension), np.float32)
    return WordEmbedder().embed([chunk["text"] for chunk in chunks])
