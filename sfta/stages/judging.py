"""The judge of `generate`: tried on planted pairs, then asked about every candidate."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sfta.raft import judging
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.dataset import Judge, Setting
from sfta.raft.filters import Outcome
from sfta.recipe import Recipe
from sfta.stages.asking import ask_judge
from sfta_edge.errors import ConfigError


def judge_of(recipe: Recipe, setting: Setting, cache: Path, funnel: Funnel) -> Judge | None:
    """A judge that has passed its test; None if the recipe names none.

    Raises:
        ConfigError: it cannot tell planted right pairs from wrong ones.
        SftaError: its endpoint failed for good.
    """
    config = recipe.generate.judge
    if config.model is None:
        return None
    planted = [judging.messages_for([p.source], p.question, p.answer) for p in judging.PAIRS]
    replies, _ = ask_judge(config, planted, judging.SCHEMA, cache)
    tested = judging.self_test(replies)
    if tested["share"] < config.self_test:
        raise ConfigError(
            f"the judge {config.model} kept {tested['right_kept']} planted right pairs and "
            f"found {tested['wrong_found']} wrong ones; it missed: {tested['missed'][0]}",
            hint="Use a stronger model as generate.judge, or lower generate.judge.self_test.",
        )
    same = getattr(recipe.generate.teacher, "model", None) == config.model

    def judge(candidates: list[Candidate], hits: Mapping[str, list[str]]) -> Outcome:
        prompts = [
            judging.messages_for(
                judging.sources_of(c, hits[c.id], setting.chunks, setting.top_k),
                c.question,
                c.answer,
            )
            for c in candidates
        ]
        texts, usage = ask_judge(config, prompts, judging.SCHEMA, cache)
        verdicts = [
            judging.why_rejected(candidate, judging.read_verdict(text))
            for candidate, text in zip(candidates, texts, strict=True)
        ]
        unreadable = verdicts.count(judging.UNREADABLE)
        funnel.notes["judge"] = {
            **usage, "model": config.model, "is_the_teacher": same, "self_test": tested,
            "judged": len(candidates), "unreadable": unreadable,
        }  # fmt: skip
        return _parted(candidates, verdicts, keeps_unreadable=config.unreadable == "keep")

    return judge


def _parted(
    candidates: Sequence[Candidate], verdicts: Sequence[str], *, keeps_unreadable: bool
) -> Outcome:
    """What stays and what goes, by the reasons of the judge."""
    stays = {"", judging.UNREADABLE} if keeps_unreadable else {""}
    pairs = list(zip(candidates, verdicts, strict=True))
    kept = [candidate for candidate, reason in pairs if reason in stays]
    return kept, [Rejected(c, reason) for c, reason in pairs if reason not in stays]
