"""The official client of OpenAI's API talks to the device as to its own service."""

import threading

import numpy as np
import openai
import pytest

from scripted_answerer import INFO, ScriptedAnswerer
from sfta_edge.api.embeddings import add_embeddings
from sfta_edge.app import ServeLimits, create_app
from sfta_edge.server import Address, create_server, listening, serve, stop
from word_retriever import WordEmbedder


class CountingEmbedder(WordEmbedder):
    context_tokens = 8

    def count_tokens(self, text):
        return len(text.split())


@pytest.fixture(scope="module")
def client(contract):
    limits = ServeLimits(places=2, body_bytes=1 << 18, question_characters=200)
    app = create_app(ScriptedAnswerer(contract), INFO, limits)
    add_embeddings(app, CountingEmbedder(), INFO.name)
    server = create_server(app, Address(port=0), limits)
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    host, port = listening(server)[0]
    with openai.OpenAI(
        base_url=f"http://{host}:{port}/v1", api_key="any", max_retries=0, timeout=20
    ) as made:
        yield made
    stop(server)
    thread.join(10)


def chat(client, text="When is the oil due?", **more):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="manuals", messages=messages, **more)


def test_a_chat_is_answered_with_citations(client):
    made = chat(client, temperature=0.7)
    assert made.choices[0].message.content == "every 2000 hours"
    assert made.choices[0].finish_reason == "stop"
    assert made.usage.total_tokens == 13
    assert made.model_extra["citations"][0]["document"] == "manual.pdf"
    assert made.model_extra["sfta"]["refused"] is False


def test_a_chat_is_streamed(client):
    parts = list(chat(client, stream=True))
    text = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    assert text == "every 2000 hours"
    finished = [p.choices[0].finish_reason for p in parts if p.choices]
    assert finished[-1] == "stop"
    assert set(finished[:-1]) == {None}


def test_an_error_is_an_error_of_the_client(client):
    with pytest.raises(openai.UnprocessableEntityError, match="does not fit"):
        chat(client, "overflow")
    with pytest.raises(openai.BadRequestError):
        chat(client, " ")


def test_the_bundle_is_a_model(client):
    assert [model.id for model in client.models.list()] == ["manuals"]


def test_vectors_come_as_base64_and_as_numbers(client):
    # Without a form the client asks for base64 and decodes it itself.
    texts = ["the oil", "the filter"]
    binary = client.embeddings.create(model="manuals", input=texts)
    plain = client.embeddings.create(model="manuals", input=texts, encoding_format="float")
    expected = WordEmbedder().embed(texts)
    for made in (binary, plain):
        assert [one.index for one in made.data] == [0, 1]
        found = np.array([one.embedding for one in made.data], dtype=np.float32)
        assert np.array_equal(found, expected)
    assert plain.usage.prompt_tokens == 4


def test_one_text_is_embedded_alone(client):
    made = client.embeddings.create(model="manuals", input="the oil")
    assert len(made.data) == 1


def test_a_text_that_would_be_cut_is_refused(client):
    with pytest.raises(openai.UnprocessableEntityError, match="text 1 of input has 9 tokens"):
        client.embeddings.create(model="manuals", input=["short", "w " * 9])
