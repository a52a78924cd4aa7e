"""A model that knows its questions by heart: what a line needs to ship anything at all.

No random model passes the gates and no recipe can switch them off. A test that needs a bundle
puts this engine into its own process in the place of the real one; the report is then made,
judged and passed by the same code as any other.
"""

import json
import shutil
from typing import ClassVar

import pytest

from sfta.core.stage import Runtime, run_stages, select
from sfta.recipe import load_recipe
from sfta.stages import opened_model
from sfta.stages.pipeline import STAGES
from sfta_edge.citation import find_quote
from sfta_edge.engine import Engine
from sfta_edge.generation import Generation

BABBLE = "It depends."


class ScriptedEngine(Engine):
    """The exported model quotes where a chunk holds the answer and refuses elsewhere.

    The base model babbles. Both read prompts that the real tokenizer made.
    """

    script: ClassVar[dict[str, list[str]]] = {}
    """Accepted answers by question."""
    refusal: ClassVar[str] = ""
    answer_marker: ClassVar[str] = ""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        self.trained = "export" in model.parts

    def generate(self, prompt, *, max_tokens, first_token_bias=None, **_):
        _, *chunks, question = [self._text(segment) for segment in prompt]
        text = self._completion(chunks, question) if self.trained else BABBLE
        refused = text == self.refusal
        return Generation(
            text,
            tuple(self.tokenize(text)),
            "stop",
            sum(map(len, prompt)),
            first_token_scores=dict.fromkeys(first_token_bias or {}, 0.9 if refused else 0.1),
        )

    def stream(self, prompt, limits):
        done = self.generate(
            prompt, max_tokens=limits.max_tokens, first_token_bias=limits.first_token_bias
        )
        yield done.text
        return done

    def generate_many(self, prompts, *, max_tokens, first_token_bias=None, on_done=None):
        return [
            self.generate(prompt, max_tokens=max_tokens, first_token_bias=first_token_bias)
            for prompt in prompts
        ]

    def _completion(self, chunks, question):
        answers = next((known for text, known in self.script.items() if text in question), [])
        for number, chunk in enumerate(chunks, 1):
            for answer in answers:
                if find_quote(answer, chunk):
                    return f'[{number}] "{answer}"\n{self.answer_marker} {answer}'
        return self.refusal

    def _text(self, segment):
        return b"".join(map(self.model.piece, segment)).decode(errors="replace")


def report_again(folder, cache):
    """Replace the report of a workplace by one on scripted answers; return the artifact."""
    recipe = load_recipe(folder / "recipe.yaml")
    lines = (folder / "questions.jsonl").read_text("utf-8").splitlines()
    shutil.rmtree(folder / "runs/evaluate")
    with pytest.MonkeyPatch.context() as patch:
        script = {line["question"]: line["answers"] for line in map(json.loads, lines)}
        patch.setattr(ScriptedEngine, "script", script)
        patch.setattr(ScriptedEngine, "refusal", recipe.prompt.refusal)
        patch.setattr(ScriptedEngine, "answer_marker", recipe.prompt.answer_marker)
        patch.setattr(opened_model, "Engine", ScriptedEngine)
        stages, runtime = select(STAGES, "evaluate"), Runtime(folder / "runs", cache)
        return run_stages(stages, recipe, runtime)["report"]
