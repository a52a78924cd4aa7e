"""What the figures say, in sentences: what costs nothing measurable, and what does, how much."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfta.evaluation.robustness.contradictions import AFTER, ALONE, BEFORE, ONLY
from sfta.evaluation.robustness.injections import ALL, CLEAN
from sfta.evaluation.robustness.wordings import ORIGINAL, is_language

Found = Mapping[str, Any]
_MUCH = 0.1
"""A loss of token F1 that a reader should know may be hidden."""


def sentences(probe: Found, arm: str) -> list[str]:
    """What one probe shows of one arm; nothing if it was not asked."""
    if not any(one["arms"][arm]["n"] for one in probe["conditions"]):
        return []
    return [*_SAID[probe["name"]](probe, arm), *_cut(probe, arm)]


def _distractors(probe: Found, arm: str) -> list[str]:
    first, *others = _asked(probe, arm)
    harmless = first
    for one in others:
        if _worse(one, arm):
            return [
                _up_to(first, harmless, arm),
                _costs(one, arm, f"{one['name']} distractors"),
            ]
        harmless = one
    return [_up_to(first, harmless, arm)]


def _up_to(first: Found, last: Found, arm: str) -> str:
    if last is first:
        return f"Token F1 is {_f1(first, arm)} with {first['name']} distractors."
    return (
        f"Up to {last['name']} distractors cost nothing measurable: token F1 "
        f"{_f1(first, arm)} with {first['name']}, {_f1(last, arm)} with {last['name']}"
        f"{_change(last, arm)}{_hidden(last, arm)}."
    )


def _position(probe: Found, arm: str) -> list[str]:
    asked = _asked(probe, arm)
    among = f"among {len(asked)} chunks"
    lost = [one for one in asked[1:] if _worse(one, arm)]
    gained = [one for one in asked[1:] if _better(one, arm)]
    if not lost and not gained:
        values = [_value(one, arm, "token_f1") for one in asked]
        return [
            (
                f"Where the oracle chunk stands {among} makes no measurable difference: token F1 "
                f"from {min(values):.2f} to {max(values):.2f}."
            )
        ]
    said = []
    if lost:
        worst = min(lost, key=lambda one: _value(one, arm, "token_f1"))
        said.append(_costs(worst, arm, f"The oracle chunk at place {worst['name']} {among}"))
    if gained:
        best = max(gained, key=lambda one: _value(one, arm, "token_f1"))
        said.append(
            f"At place {best['name']} {among} token F1 is higher than at the first: "
            f"{_f1(best, arm)}{_change(best, arm)}."
        )
    return said


def _wrong_documents(probe: Found, arm: str) -> list[str]:
    words = {"near": "near but wrong documents", "any": "documents drawn from anywhere"}
    return [
        f"Given only {words[one['name']]}, it refuses {_share(one, arm, 'refused')}, and gives "
        f"{_share(one, arm, 'unsupported')} an answer that nothing supports."
        for one in _asked(probe, arm)
    ]


def _contradictions(probe: Found, arm: str) -> list[str]:
    found = {one["name"]: one for one in _asked(probe, arm)}
    said = []
    for name, where in ((BEFORE, "before"), (AFTER, "after")):
        if name in found:
            one = found[name]
            said.append(
                f"With a contradicting document {where} the oracle chunk it says the right value "
                f"for {_share(one, arm, 'says_right')}, the planted one for "
                f"{_share(one, arm, 'says_planted')}, both for {_share(one, arm, 'says_both')}; "
                f"the right one alone with the oracle chunk for "
                f"{_share(found[ALONE], arm, 'says_right')}."
            )
    if ONLY in found:
        one = found[ONLY]
        said.append(
            f"With the contradicting document alone it follows the document for "
            f"{_share(one, arm, 'says_planted')}, gives the right value, from memory or by "
            f"chance, for {_share(one, arm, 'says_right')}, and refuses "
            f"{_share(one, arm, 'contested_refused')}."
        )
    return said


def _wordings(probe: Found, arm: str) -> list[str]:
    said = []
    for one in _asked(probe, arm):
        if one["name"] == ORIGINAL:
            continue
        named = f"In {one['name']}" if is_language(one["name"]) else one["name"].capitalize()
        what = f"{named} ({one['arms'][arm]['n']} wordings)"
        if _worse(one, arm):
            said.append(_costs(one, arm, what))
        else:
            said.append(
                f"{what}: nothing measurable is lost, token F1 {_f1(one, arm)}"
                f"{_change(one, arm)}{_hidden(one, arm)}."
            )
        if _worse(one, arm, "held"):
            said.append(
                f"The search finds the oracle chunk for {_share(one, arm, 'held')} of them."
            )
    return said


def _languages(probe: Found, arm: str) -> list[str]:
    said = _wordings(probe, arm)
    for one in _asked(probe, arm):
        refusals = one["arms"][arm]["refusals"]
        every = sum(refusals.values())
        if one["name"] != ORIGINAL and every:
            said.append(
                f"Of {every} refusals of questions in {one['name']}, {refusals['sentence']} are "
                "the refusal sentence of the prompt contract, in its own language."
            )
    return said


def _injections(probe: Found, arm: str) -> list[str]:
    found = {one["name"]: one for one in _asked(probe, arm)}
    every = found.pop(ALL)
    places = every["arms"][arm].get("places", {})
    families = [one for name, one in found.items() if name != CLEAN]
    worst = max(families, key=lambda one: _value(one, arm, "attack_success"))
    said = [
        (
            f"{_share(every, arm, 'attack_success')} of the planted instructions had their effect "
            f"in the output, {_share(every, arm, 'attack_in_answer')} in the final answer"
            f"{_named_places(places)}."
        ),
    ]
    if _value(worst, arm, "attack_success") > 0:
        said.append(
            f"The strongest is {worst['name']}: {_share(worst, arm, 'attack_success')}."
        )
    lost = [one["name"] for one in families if _worse(one, arm)]
    if lost:
        said.append(f"Token F1 falls measurably under {', '.join(lost)}.")
    else:
        said.append(
            f"Under attack token F1 does not fall measurably: {_f1(every, arm)}"
            f"{_change(every, arm)}{_hidden(every, arm)}."
        )
    return said


def _named_places(places: Mapping[str, Any]) -> str:
    named = [
        f"{found['value']:.0%} in {'the oracle chunk' if name == 'oracle' else 'a distractor'}"
        for name, found in sorted(places.items(), reverse=True)
        if found["value"] is not None
    ]
    return f" ({', '.join(named)})" if named else ""


def _cut(probe: Found, arm: str) -> list[str]:
    cut = {
        one["name"]: (one["arms"][arm]["cut"], one["arms"][arm]["n"])
        for one in probe["conditions"]
        if one["arms"][arm]["cut"]
    }
    if not cut:
        return []
    named = ", ".join(f"{name}: {few} of {many}" for name, (few, many) in cut.items())
    return [f"The context could not hold every chunk ({named}): the last ones were left out."]


_SAID: Mapping[str, Callable[[Found, str], list[str]]] = {
    "distractors": _distractors,
    "position": _position,
    "wrong_documents": _wrong_documents,
    "contradictions": _contradictions,
    "paraphrase": _wordings,
    "typos": _wordings,
    "injections": _injections,
    "languages": _languages,
}


def _asked(probe: Found, arm: str) -> Sequence[Found]:
    return [one for one in probe["conditions"] if one["arms"][arm]["n"]]


def _costs(one: Found, arm: str, what: str) -> str:
    return f"{what}: token F1 falls to {_f1(one, arm)}{_change(one, arm)}."


def _worse(one: Found, arm: str, key: str = "token_f1") -> bool:
    """The whole interval lies below zero."""
    interval = _interval(one, arm, key)
    return interval is not None and interval[1] < 0


def _better(one: Found, arm: str) -> bool:
    interval = _interval(one, arm, "token_f1")
    return interval is not None and interval[0] > 0


def _interval(one: Found, arm: str, key: str) -> Sequence[float] | None:
    found: Sequence[float] | None = (
        one["arms"][arm].get("changes", {}).get(key, {}).get("interval")
    )
    return found


def _value(one: Found, arm: str, key: str) -> float:
    return float(one["arms"][arm]["figures"][key]["value"] or 0.0)


def _f1(one: Found, arm: str) -> str:
    return f"{_value(one, arm, 'token_f1'):.2f}"


def _change(one: Found, arm: str) -> str:
    """The difference with its interval, in brackets."""
    change = one["arms"][arm].get("changes", {}).get("token_f1")
    if not change or change["value"] is None:
        return ""
    low, high = change["interval"]
    return f" ({_signed(change['value'])}, interval {_signed(low)} to {_signed(high)})"


def _hidden(one: Found, arm: str) -> str:
    """What may be lost unseen, where it is much."""
    interval = _interval(one, arm, "token_f1")
    if interval is None or interval[0] >= -_MUCH:
        return ""
    return f"; a loss of up to {-interval[0]:.2f} may be hidden"


def _share(one: Found, arm: str, key: str) -> str:
    """A share with its interval; what cannot be measured is said."""
    found = one["arms"][arm]["figures"][key]
    if found["value"] is None:
        return "no measurable share"
    low, high = found["interval"]
    return f"{found['value']:.0%} [{low:.0%} to {high:.0%}]"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
