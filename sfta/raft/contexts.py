"""Which chunks the model sees next to a question.

The context always has ``top_k`` chunks, with the oracle chunk or without it, so its length
gives nothing away; chunks are drawn without repetition of an id or of a text.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sfta.raft.candidate import Candidate
from sfta.raft.corpus import CorpusChunk, key_terms, spelling
from sfta.raft.row_config import ContextConfig
from sfta_edge.citation import mentions, normalise
from sfta_edge.errors import ConfigError

_TERMS_NEEDED = 0.6
_TERMS_SAID = 0.9


@dataclass(frozen=True, slots=True)
class Context:
    """Chunks in the order in which the model sees them."""

    chunk_ids: tuple[str, ...]
    oracle: str | None
    """The oracle chunk, if it is there; of several the first."""
    sources: tuple[str, ...]
    """Where each chunk came from: oracle, hard, same_document or random."""
    more_oracles: tuple[str, ...] = ()
    """Further chunks that the answer needs."""

    @property
    def oracles(self) -> tuple[str, ...]:
        """Every oracle chunk that is there: all that the question needs, or none."""
        return (self.oracle, *self.more_oracles) if self.oracle else ()


def choose_context(
    candidate: Candidate,
    hits: Sequence[str],
    chunks: Mapping[str, CorpusChunk],
    config: ContextConfig,
    *,
    oracle_present: bool,
    top_k: int,
    seed: int,
) -> Context:
    """Mix the oracle chunk, if it is to be there, with distractors.

    Args:
        candidate: the question.
        hits: ids of the chunks that the retriever returns for it, best first.
        chunks: the corpus.
        config: weights of the kinds of distractor, and the order.
        oracle_present: whether the oracle chunk is in the context.
        top_k: chunks of a context.
        seed: together with the candidate's id decides every draw.

    Raises:
        ConfigError: the corpus has too few chunks that do not hold the answer.
    """
    # Seeded per question: the result must not depend on the order of the questions.
    rng = random.Random(f"{seed}/{candidate.id}/{oracle_present}")
    oracles = (candidate.oracle_ids or (candidate.chunk_id,)) if oracle_present else ()
    pools = _pools(candidate, hits, chunks, config)
    chosen: dict[str, str] = dict.fromkeys(oracles, "oracle")
    texts = {normalise(chunks[chunk_id].text) for chunk_id in chosen}
    while len(chosen) < top_k:
        kind, chunk_id = _draw(pools, chosen, config, rng)
        text = normalise(chunks[chunk_id].text)
        pools = {name: [c for c in pool if c != chunk_id] for name, pool in pools.items()}
        holds = holds_answer(chunks[chunk_id], candidate)
        # Where the target is the refusal, a sentence that says what was asked in other words
        # would make the target wrong.
        holds = holds or (not oracles and speaks_of(chunks[chunk_id], candidate))
        if text not in texts and not holds:
            chosen[chunk_id] = kind
            texts.add(text)
    ids = _ordered(list(chosen), hits, config, rng)
    sources = tuple(chosen[chunk_id] for chunk_id in ids)
    return Context(tuple(ids), oracles[0] if oracles else None, sources, tuple(oracles[1:]))


def holds_answer(chunk: CorpusChunk, candidate: Candidate) -> bool:
    """Whether a chunk answers the question too, so that it can be no distractor.

    It does if it holds a quote, or if it holds what the answer rests on together with most of
    the question's words. Neighbours that overlap the quote hold it.
    """
    if not candidate.answerable:
        return False
    if any(_holds(chunk.text, support.quote) for support in candidate.supports):
        return True
    if not any(_holds(chunk.text, support.evidence) for support in candidate.supports):
        return False
    asked = set(key_terms(candidate.question))
    held = set(key_terms(f"{chunk.heading} {chunk.text}"))
    return not asked or len(asked & held) / len(asked) >= _TERMS_NEEDED


def _holds(text: str, part: str) -> bool:
    """`mentions`, but the spelling of a chunk that is asked for often is worked out once.

    Case does not count: a heading in capitals gives an answer away like any other line.
    """
    bare = part.strip(" \t\r\n.,;:")
    return spelling(bare) in spelling(text) and mentions(text, part)


def speaks_of(chunk: CorpusChunk, candidate: Candidate) -> bool:
    """Whether one line or sentence holds nearly all words of a question.

    Not asked of the near misses of the rules: those were checked against the whole corpus.
    """
    asked = set(key_terms(candidate.question))
    if len(asked) < 3 or (candidate.template and not candidate.answerable):
        return False
    return any(
        len(asked & set(key_terms(line))) / len(asked) >= _TERMS_SAID
        for line in re.split(r"\n|(?<=[.!?]) ", chunk.text)
    )


def _pools(
    candidate: Candidate,
    hits: Sequence[str],
    chunks: Mapping[str, CorpusChunk],
    config: ContextConfig,
) -> dict[str, list[str]]:
    document = chunks[candidate.chunk_id].document_id
    others = sorted(set(chunks) - set(candidate.oracle_ids))
    ranks = list(dict.fromkeys(hits))[config.hard_from - 1 : config.hard_to]
    known = [chunk_id for chunk_id in ranks if chunk_id in chunks]
    return {
        "hard": [c for c in known if c in set(others)],
        "same_document": [c for c in others if chunks[c].document_id == document],
        "random": others,
    }


def _draw(
    pools: Mapping[str, list[str]], chosen: Mapping[str, str], config: ContextConfig,
    rng: random.Random,
) -> tuple[str, str]:  # fmt: skip
    """Kind and id of the next distractor: the best hit left, or any of the other pools."""
    left = {name: [c for c in pool if c not in chosen] for name, pool in pools.items()}
    weights = {"hard": config.hard, "same_document": config.same_document,
               "random": config.random}  # fmt: skip
    names = [name for name in left if left[name] and weights[name] > 0]
    names = names or [name for name in left if left[name]]
    if not names:
        raise ConfigError(
            "the corpus has too few chunks to fill a context",
            hint="Add documents, or lower retrieval.top_k.",
        )
    kind = rng.choices(names, [weights[name] or 1.0 for name in names])[0]
    return kind, left[kind][0] if kind == "hard" else rng.choice(left[kind])


def _ordered(
    ids: list[str], hits: Sequence[str], config: ContextConfig, rng: random.Random
) -> list[str]:
    shuffled = sorted(ids)
    rng.shuffle(shuffled)
    order = config.order
    if order == "mixed":
        order = rng.choice(["retriever", "shuffled"])
    if order == "shuffled":
        return shuffled
    rank = {chunk_id: place for place, chunk_id in enumerate(hits)}
    found = sorted((c for c in ids if c in rank), key=rank.__getitem__)
    # What the retriever did not return stands anywhere, or its place would mark it.
    for chunk_id in shuffled:
        if chunk_id not in rank:
            found.insert(rng.randint(0, len(found)), chunk_id)
    return found
