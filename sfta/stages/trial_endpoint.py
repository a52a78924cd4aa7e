"""A large model behind an endpoint, given the recipe's chunks: the LLM + RAG way, tried by hand."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.core.stage import Runtime
from sfta.evaluation.prompting import messages_of, told
from sfta.recipe import Recipe
from sfta.stages.trial import Asked, open_index
from sfta_edge.answer import Searcher
from sfta_edge.citation import parse_answer
from sfta_edge.errors import ConfigError, ToolError
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import Answer, cite

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Messages
    from sfta.adapters.teacher_openai import Endpoint
    from sfta.adapters.teacher_replies import Reply


class EndpointAsked:
    """Asks an endpoint with what the retriever finds."""

    def __init__(
        self, endpoint: "Endpoint", retriever: Searcher, contract: PromptContract, top_k: int
    ) -> None:
        self._endpoint, self._retriever = endpoint, retriever
        self._contract, self._top_k = contract, top_k

    def ask(self, question: str) -> Answer:
        """The answer, with what was found for it.

        Raises:
            ConfigError: an empty question.
            ToolError: the endpoint does not answer, or its filter has blocked the question.
        """
        if not question.strip():
            raise ConfigError("the question is empty")
        hits = tuple(self._retriever.search(question, self._top_k))
        chunks = [hit.chunk for hit in hits]
        reply = asyncio.run(self._reply(messages_of(self._contract, chunks, question)))
        if reply.status not in ("ok", "cut"):
            raise ToolError(f"the model gave no answer: {reply.status}")
        contract = self._contract
        said = parse_answer(
            reply.text, answer_marker=contract.answer_marker, refusal=contract.refusal
        )
        return Answer(
            question=question,
            answer=said.answer,
            refused=said.refused,
            well_formed=said.well_formed,
            citations=cite(said, chunks, self._retriever.boxes),
            completion=reply.text,
            finish_reason="length" if reply.status == "cut" else "stop",
            usage={
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.completion_tokens,
            },
            hits=hits,
        )

    async def _reply(self, messages: "Messages") -> "Reply":
        from sfta.adapters.teacher_asking import Request
        from sfta.adapters.teacher_openai import EndpointTeacher

        teacher = EndpointTeacher(self._endpoint)
        async with teacher.opened():
            return await teacher.ask(Request(messages))


@contextmanager
def open_endpoint(
    recipe: Recipe, runtime: Runtime, url: str, model: str, key_variable: str | None
) -> Iterator[Asked]:
    """An endpoint with the recipe's index, ready to be asked.

    Args:
        recipe: names documents and prompt.
        runtime: where the artifacts lie.
        url: address up to and with `/v1`.
        model: its name there.
        key_variable: environment variable that holds the key; none: no key.
    """
    from sfta.adapters.teacher_openai import Endpoint

    endpoint = Endpoint(
        url, model, role="model", settings="--endpoint", api_key_env=key_variable,
        temperature=0.0, concurrency=1,
        max_output_tokens=recipe.evaluate.max_answer_tokens * 2,
    )  # fmt: skip
    base: Any = hub.resolve_model(recipe.model.base, runtime.cache, root=recipe.root)
    contract = told(make_contract(hub.load_tokenizer(base), recipe.prompt))
    with open_index(recipe, runtime) as retriever:
        yield EndpointAsked(endpoint, retriever, contract, recipe.retrieval.top_k)
