"""From candidates to rows: filters, selection, contexts, in a fixed order. Pure."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.raft import filters
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.config import ExtractiveTeacher, GenerateConfig, PromptConfig
from sfta.raft.contexts import Context, choose_context
from sfta.raft.corpus import CorpusChunk
from sfta.raft.rows import Place, make_row
from sfta.raft.selection import choose_evenly
from sfta.raft.sharing import Placed, share_contexts
from sfta.raft.splits import group_of

Search = Callable[[Sequence[str], int], list[list[str]]]
"""``(questions, top_k) -> ids of chunks, best first, for each question``."""
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


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows of which sort."""

    with_oracle: int
    without_oracle: int
    near_miss: int
    paired: int
    """Rows without oracle that repeat the question of a row with it."""

    @property
    def questions(self) -> int:
        """Answerable questions that are needed."""
        return self.with_oracle + self.without_oracle - self.paired


def build_rows(
    candidates: Sequence[Candidate], setting: Setting, search: Search, funnel: Funnel
) -> list[dict[str, Any]]:
    """Rows in the order of their ids; what is turned away goes into the funnel."""
    funnel.entered += len(candidates)
    kept = _shortlist(_filtered(list(candidates), setting, funnel), setting, funnel)
    hits = _search_all(kept, setting, search)
    kept = _round_trip(kept, hits, setting, funnel)
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
    placed = [
        Placed(candidate, _context(candidate, hits[candidate.id], setting, present=present),
               setting.splits[candidate.chunk_id])
        for candidate, present in (*_with_and_without(asked, plan, setting.seed),
                                   *((c, False) for c in near))
    ]  # fmt: skip
    placed = share_contexts(
        placed, setting.chunks, most=setting.config.context.rows_per_context, seed=setting.seed
    )
    funnel.notes["contexts"] = len({item.context.chunk_ids for item in placed})
    rows = [_row(item, setting) for item in placed]
    return sorted(rows, key=lambda row: str(row["id"]))


def make_plan(
    config: GenerateConfig, answerable: int, unanswerable: int, *, cap: Plan | None = None
) -> Plan:
    """Split the rows that can be made into sorts, by the shares of the configuration.

    With `cap`, no sort gets more rows than there.
    """
    fraction = config.context.oracle_fraction
    refuses = config.context.without_oracle == "refuse"
    refusals = config.refusal_share

    def plan_for(total: float) -> Plan:
        asked = total * (1 - refusals)
        if refuses:
            asked = min(asked / fraction, total) if fraction > 0 else total
        with_oracle = round(asked * fraction)
        without = round(asked) - with_oracle
        near = max(0, round(total) - with_oracle - without)
        paired = min(round(without * config.paired), with_oracle)
        return Plan(with_oracle, without, min(near, unanswerable), paired)

    most = config.max_rows or (answerable + unanswerable) * 2
    low, high = 0, most
    while low < high:  # the largest total whose questions are there
        middle = math.ceil((low + high) / 2)
        low, high = (
            (middle, high) if plan_for(middle).questions <= answerable else (low, middle - 1)
        )
    plan = plan_for(low)
    if cap is not None:
        plan = Plan(min(plan.with_oracle, cap.with_oracle),
                    min(plan.without_oracle, cap.without_oracle),
                    min(plan.near_miss, cap.near_miss), min(plan.paired, cap.paired))  # fmt: skip
    return plan


def _filtered(candidates: list[Candidate], setting: Setting, funnel: Funnel) -> list[Candidate]:
    config = setting.config.filters
    kept = funnel.passed(
        "checked alone", *filters.check_each(candidates, setting.chunks, config)
    )
    kept = funnel.passed("unambiguous", *filters.drop_ambiguous(kept))
    return funnel.passed("without duplicates", *filters.drop_duplicates(kept, config))


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
        return found.index(candidate.chunk_id) + 1 if candidate.chunk_id in found else None

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
    order = sorted(
        asked, key=lambda c: hashlib.sha256(f"{seed}/oracle/{c.id}".encode()).digest()
    )
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
    place = Place(
        split=placed.split,
        group=group_of(setting.chunks[placed.candidate.chunk_id], setting.config.split),
        answer_without_oracle=setting.config.context.without_oracle == "answer",
    )
    return make_row(placed.candidate, placed.context, setting.chunks, setting.prompt, place)


def add_rejected(funnel: Funnel, lost: Sequence[Rejected]) -> None:
    """Count candidates that a teacher itself has turned away."""
    funnel.entered += len(lost)
    funnel.rejected += lost
