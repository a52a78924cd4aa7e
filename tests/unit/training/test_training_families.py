"""Every family with a recipe learns from packs as from rows alone, and ends its turns."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from model_families import FAMILIES, save_base
from sfta.adapters.contract import make_contract
from sfta.adapters.hub import hf_tokenize
from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.raft.config import PromptConfig
from sfta.stages import merge as merging
from sfta.stages import train as stage
from sfta.training import steps, trainer
from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.model import Precision, load_student
from sfta.training.packing import Pack, make_packs
from sfta.training.rows import RowEncoder, read_chunks
from tiny_training import LIMITS, row

pytestmark = pytest.mark.usefixtures("one_thread")
FLOAT32 = Precision("float32", "tests compare exactly", "cpu")
CONFIG = TrainConfig(method="lora", lora=LoraSettings(rank=4, alpha=8))
CHUNKS = [
    {"id": name, "text": text, "title": "Manual", "page": 1, "heading": "Limits"}
    for name, text in LIMITS.items()
]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    return save_base(request.param, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def encoder(family):
    tokenizer = AutoTokenizer.from_pretrained(family)
    texts = PromptConfig(system="Quote.", document="[{number}] {text}\n")
    return RowEncoder(
        read_chunks(CHUNKS), make_contract(tokenizer, texts), hf_tokenize(tokenizer)
    )


def packs_of(encoder, count=6):
    rows = [encoder.encode(row(n, answerable=n % 3 > 0)) for n in range(count)]
    return make_packs(rows, max_tokens=4096, seed=1)


def summed_loss(model, packs):
    batch = steps.collate(packs, refusal_weight=1.0)
    return trainer.weighted_loss(model, batch)[0]


def alone(model, encoded):
    """The loss of one row as transformers itself computes it: no pack, no mask of ours."""
    ids = [*encoded.context, *encoded.question, *encoded.completion]
    start = len(ids) - len(encoded.completion)
    logits = model(input_ids=torch.tensor([ids])).logits[0, start - 1 : -1]
    return torch.nn.functional.cross_entropy(
        logits, torch.tensor(encoded.completion), reduction="sum"
    )


@pytest.mark.parametrize("together", [1, 3])
def test_the_loss_of_packs_is_that_of_their_rows_alone(family, encoder, together):
    packs = packs_of(encoder)[:together]
    model = load_student(family, CONFIG, FLOAT32, seed=1).eval()
    plain = AutoModelForCausalLM.from_pretrained(family, dtype=torch.float32).eval()
    assert any(len(pack.rows) > 1 for pack in packs)
    with torch.no_grad():
        found = summed_loss(model, packs)
        wanted = sum(alone(plain, encoded) for pack in packs for encoded in pack.rows)
    assert float(found) == pytest.approx(float(wanted), rel=1e-4)


def test_a_row_does_not_see_its_neighbour(family, encoder):
    model = load_student(family, CONFIG, FLOAT32, seed=1).eval()
    pack = next(p for p in packs_of(encoder) if len(p.rows) > 1)
    first, *others = pack.rows
    with torch.no_grad():
        both = summed_loss(model, [pack])
        apart = summed_loss(model, [Pack((first,))]) + summed_loss(model, [Pack(tuple(others))])
    assert float(both) == pytest.approx(float(apart), rel=1e-4)


@pytest.fixture(scope="module")
def trained(family, tmp_path_factory):
    """The stage's adapter and the merged model of it, after enough steps to learn to end."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = stage.Recipe.model_validate(
        {"name": "tiny", "ingest": {"sources": ["x"]}, "model": {"base": str(family)},
         "prompt": {"system": "Quote.", "document": "[{number}] {text}\n"},
         "evaluate": {"choose_quotes": False},
         "train": {"method": "lora", "lora": {"rank": 16, "alpha": 32}, "rows_per_step": 4,
                   "learning_rate": 0.01, "epochs": 30, "validations": 1,
                   "context_tokens": 1024}}
    )  # fmt: skip
    with writing(folder / "dataset", "dataset", {}) as out:
        records = {"chunks": CHUNKS, "train": [row(n, answerable=n % 3 > 0) for n in range(24)],
                   "validation": [row(n, answerable=True) for n in range(24, 27)]}  # fmt: skip
        for name, lines in records.items():
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (out / f"{name}.jsonl").write_text(text, "utf-8")
    inputs = {"dataset": Artifact.open(folder / "dataset")}
    runtime = Runtime(cache=folder, device="cpu")
    (folder / "work").mkdir()
    with writing(folder / "adapter", "adapter", {}) as out:
        stage.run(Job(recipe, inputs, out, folder / "work", runtime))
    (folder / "merged").mkdir()
    inputs = {"adapter": Artifact.open(folder / "adapter")}
    merging.run(Job(recipe, inputs, folder / "merged", folder / "work", runtime))
    return folder


def test_the_loss_falls(trained):
    lines = (trained / "adapter/history.jsonl").read_text("utf-8").splitlines()
    losses = [line["loss"] for line in map(json.loads, lines) if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]


def test_twenty_of_twenty_answers_end_by_themselves(family, encoder, trained):
    model = AutoModelForCausalLM.from_pretrained(trained / "merged", dtype=torch.float32).eval()
    ended = 0
    for number in range(30, 50):
        encoded = encoder.encode(row(number, answerable=number % 3 > 0))
        prompt = torch.tensor([[*encoded.context, *encoded.question]])
        with torch.no_grad():
            found = model.generate(prompt, max_new_tokens=120, do_sample=False)
        ended += int(found[0, -1]) == encoded.completion[-1]
    assert ended == 20
