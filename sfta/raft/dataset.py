"""From candidates to rows: filters, selection, contexts, in a fixed order. Pure."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.raft import filters
from sfta.raft.answers import reworded_answer
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.config import ExtractiveTeacher, GenerateConfig, PromptConfig
from sfta.raft.contexts import Context, choose_context
from sfta.raft.corpus import CorpusChunk
from sfta.raft.plan import Plan, answered_share, make_plan
from sfta.raft.rows import Place, make_row
from sfta.raft.selection import choose_evenly
from sfta.raft.sharing import Placed, share_contexts
from sfta.raft.splits import Seen, group_of
from sfta.raft.target import nearest_to_target

Search = Callable[[Sequence[str], int], list[list[str]]]
"""``(questions, top_k) -> ids of chunks, best first, for each question``."""
Judge = Callable[[list[Candidate], Mapping[str, list[str]]], filters.Outcome]
"""``(candidates, hits by candidate) -> what it lets through and what not, with reasons``."""
_HITS_PER_CHUNK_SHOWN = 5
_SPARE = 1.3  # of the questions that are searched, most are found


@dataclass(frozen=True, slots=True)
class Setting:
    """All that decides the rows besides the candidates."""

    chunks: Mapping[str, CorpusChunk]
    splits: Mapping[str, str]
    """Split of every chunk."""
    config: GenerateConfig
    prompt: PromptConfig
    top_k: int
    seed: int
    target: Sequence[str] = ()
    """Questions that the chosen ones are to be near to; none: not compared."""

    def split_of(self, candidate: Candidate) -> str:
        """Split of a question's rows; empty if its quotes lie in different ones."""
        seen = Seen(self.config.split.seen_test, self.seed)
        found = {
            seen.split(self.splits[chunk_id], text) for chunk_id, text in _held_by(candidate)
        }
        return found.pop() if len(found) == 1 else ""

    def test_set_of(self, candidate: Candidate) -> str:
        """Name of the test set of a test question; empty where there is only one."""
        if self.config.split.seen_test == 0.0 or self.split_of(candidate) != "test":
            return ""
        held = self.splits[candidate.chunk_id] == "test"
        return "unseen_documents" if held else "seen_documents"


def _held_by(candidate: Candidate) -> list[tuple[str, str]]:
    """Chunks of a question, each with the text that decides where it goes.

    All wordings of one fact share it, so no wording of a test question is learnt.
    """
    if candidate.answerable:
        return [(support.chunk_id, support.quote) for support in candidate.supports]
    return [(candidate.chunk_id, candidate.fact or candidate.question)]


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks that need a model; None: not made."""

    embed: filters.Embed | None = None
    judge: Judge | None = None


def build_rows(
    candidates: Sequence[Candidate],
    setting: Setting,
    search: Search,
    funnel: Funnel,
    checks: Checks | None = None,
) -> list[dict[str, Any]]:
    """Rows in the order of their ids; what is turned away goes into the funnel."""
    checks = checks or Checks()
    funnel.entered += len(candidates)
    kept = _filtered(list(candidates), setting, funnel, checks)
    kept = _shortlist(kept, setting, funnel)
    hits = _search_all(kept, setting, search)
    kept = _round_trip(kept, hits, setting, funnel)
    if checks.judge is not None:
        kept = funnel.passed("passed by the judge", *checks.judge(kept, hits))
    placed = _placed(kept, hits, setting, funnel)
    funnel.notes["contexts"] = len({item.context.chunk_ids for item in placed})
    funnel.notes["distractors"] = dict(
        sorted(Counter(s for p in placed for s in p.context.sources if s != "oracle").items())
    )
    funnel.notes["oracle_places"] = dict(sorted(Counter(map(str, _places(placed))).items()))
    rows = [_row(item, setting) for item in placed]
    return sorted(rows, key=lambda row: str(row["id"]))


def _places(placed: Sequence[Placed]) -> Iterator[int]:
    """Where in its context each oracle chunk stands, from 1."""
    for item in placed:
        for oracle in item.context.oracles:
            yield item.context.chunk_ids.index(oracle) + 1


def _placed(
    kept: Sequence[Candidate], hits: Mapping[str, list[str]], setting: Setting, funnel: Funnel
) -> list[Placed]:
    """Choose questions and give each its context."""
    answerable = [c for c in kept if c.answerable]
    missing = [c for c in kept if not c.answerable]
    plan = make_plan(setting.config, len(answerable), len(missing))
    asked = funnel.passed("answerable, chosen", *_spread(answerable, plan.questions, setting))
    # Wordings that reached their limit can leave fewer questions than planned.
    plan = make_plan(setting.config, len(asked), len(missing), cap=plan)
    near = funnel.passed("near misses, chosen", *_spread(missing, plan.near_miss, setting))
    funnel.notes["plan"] = {"with_oracle": plan.with_oracle, "paired": plan.paired,
                            "without_oracle": plan.without_oracle,
                            "near_miss": len(near)}  # fmt: skip
    used = Counter(c.template for c in (*asked, *near) if c.template)
    funnel.notes["wordings"] = {"used": len(used), "most_used": used.most_common(5)}
    drawn = [*_with_and_without(asked, plan, setting.seed), *((c, False) for c in near)]
    answered = _answered(drawn, setting)
    placed = [
        Placed(candidate, _context(candidate, hits[candidate.id], setting, present=present),
               setting.split_of(candidate), answered=candidate.id in answered)
        for candidate, present in drawn
    ]  # fmt: skip
    return share_contexts(
        placed, setting.chunks, most=setting.config.context.rows_per_context, seed=setting.seed
    )


def _answered(drawn: Sequence[tuple[Candidate, bool]], setting: Setting) -> set[str]:
    """Questions that are answered although their oracle chunk is missing."""
    without = [c for c, present in drawn if not present and c.answerable]
    order = sorted(without, key=lambda c: _hash(f"{setting.seed}/answered/{c.id}"))
    share = answered_share(setting.config.context)
    return {candidate.id for candidate in order[: round(share * len(order))]}


def _filtered(
    candidates: list[Candidate], setting: Setting, funnel: Funnel, checks: Checks
) -> list[Candidate]:
    config = setting.config.filters
    kept = funnel.passed(
        "checked alone", *filters.check_each(candidates, setting.chunks, config)
    )
    kept = funnel.passed("in one split", *_in_one_split(kept, setting))
    kept = funnel.passed("unambiguous", *filters.drop_ambiguous(kept))
    kept = funnel.passed("without duplicates", *filters.drop_duplicates(kept, config))
    if checks.embed is None:
        return kept
    if config.semantic_duplicate is not None:
        outcome = filters.drop_semantic_duplicates(kept, checks.embed, config)
        kept = funnel.passed("without duplicates in meaning", *outcome)
    if setting.target:
        keep = setting.config.target.keep
        outcome, note = nearest_to_target(kept, setting.target, checks.embed, keep)
        funnel.notes["target"] = note
        kept = funnel.passed("near the target questions", *outcome)
    return kept


def _in_one_split(candidates: list[Candidate], setting: Setting) -> filters.Outcome:
    """A question over several chunks must be learned or measured as a whole."""
    kept: list[Candidate] = []
    lost: list[Rejected] = []
    for candidate in candidates:
        if len(candidate.oracle_ids) > setting.top_k:
            lost.append(Rejected(candidate, "more oracle chunks than top_k"))
        elif not setting.split_of(candidate):
            lost.append(Rejected(candidate, "quotes of two splits"))
        else:
            kept.append(candidate)
    return kept, lost


def _shortlist(kept: list[Candidate], setting: Setting, funnel: Funnel) -> list[Candidate]:
    """Somewhat more than the rows need: a search costs more than all other checks."""
    if setting.config.max_rows is None:
        return kept
    answerable = [c for c in kept if c.answerable]
    missing = [c for c in kept if not c.answerable]
    plan = make_plan(setting.config, len(answerable), len(missing))
    chosen, lost = _spread(answerable, math.ceil(plan.questions * _SPARE), setting)
    near, more = _spread(missing, math.ceil(plan.near_miss * _SPARE), setting)
    return funnel.passed("shortlisted", [*chosen, *near], [*lost, *more])


def _search_all(
    candidates: list[Candidate], setting: Setting, search: Search
) -> dict[str, list[str]]:
    wanted = max(setting.config.filters.round_trip_top, setting.top_k * _HITS_PER_CHUNK_SHOWN)
    found = search([c.question for c in candidates], wanted)
    return {c.id: hits for c, hits in zip(candidates, found, strict=True)}


def _round_trip(
    candidates: list[Candidate], hits: Mapping[str, list[str]], setting: Setting, funnel: Funnel
) -> list[Candidate]:
    def rank_of(candidate: Candidate) -> int | None:
        found = hits[candidate.id]
        oracles = candidate.oracle_ids
        if not all(chunk_id in found for chunk_id in oracles):
            return None
        return max((found.index(chunk_id) + 1 for chunk_id in oracles), default=None)

    outcome, misses = filters.round_trip(candidates, rank_of, setting.config.filters)
    ranks = [rank_of(c) for c in candidates if c.answerable]
    shown = sum(rank is not None and rank <= setting.top_k for rank in ranks)
    funnel.notes["retriever"] = {
        "questions": len(ranks), "oracle_in_top_k": shown, "not_found": misses,
        "top_k": setting.top_k, "looked_at": setting.config.filters.round_trip_top,
    }  # fmt: skip
    return funnel.passed("found by the retriever", *outcome)


def _spread(
    candidates: list[Candidate], count: int, setting: Setting
) -> tuple[list[Candidate], list[Rejected]]:
    teacher = setting.config.teacher
    limit = teacher.max_uses_per_template if isinstance(teacher, ExtractiveTeacher) else 1 << 30

    def group(candidate: Candidate) -> str:
        return group_of(setting.chunks[candidate.chunk_id], setting.config.split)

    return choose_evenly(
        candidates, count, max_uses_per_template=limit, group_of=group, seed=setting.seed
    )


def _with_and_without(
    asked: Sequence[Candidate], plan: Plan, seed: int
) -> list[tuple[Candidate, bool]]:
    """Every chosen question with its oracle, without it, or both."""
    order = sorted(asked, key=lambda c: _hash(f"{seed}/oracle/{c.id}"))
    alone = plan.without_oracle - plan.paired
    without, with_oracle = order[:alone], order[alone : alone + plan.with_oracle]
    paired = with_oracle[: plan.paired]
    return [
        *((c, True) for c in with_oracle),
        *((c, False) for c in without),
        *((c, False) for c in paired),
    ]


def _context(
    candidate: Candidate, hits: Sequence[str], setting: Setting, *, present: bool
) -> Context:
    return choose_context(
        candidate, hits, setting.chunks, setting.config.context,
        oracle_present=present, top_k=setting.top_k, seed=setting.seed,
    )  # fmt: skip


def _row(placed: Placed, setting: Setting) -> dict[str, Any]:
    candidate, answer = placed.candidate, setting.config.answer
    place = Place(
        split=placed.split,
        group=group_of(setting.chunks[candidate.chunk_id], setting.config.split),
        answer_without_oracle=placed.answered,
        # Only what is learned: a test question keeps the answer it is measured by.
        answer=(
            reworded_answer(candidate, answer.reworded, setting.seed)
            if placed.split == "train"
            else ""
        ),
        style=answer.style,
        test_set=setting.test_set_of(candidate),
    )
    return make_row(candidate, placed.context, setting.chunks, setting.prompt, place)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def add_rejected(funnel: Funnel, lost: Sequence[Rejected]) -> None:
    """Count candidates that a teacher itself has turned away."""
    funnel.entered += len(lost)
    funnel.rejected += lost
