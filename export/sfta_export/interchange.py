"""Folders that other programs load as they are: Ollama, llama.cpp's server, transformers.

Weights are linked where the file system can, so that a folder costs no second copy; what is
small is copied, so that an edit there does not reach into the artifact. A folder is complete or
not there. The artifact is verified by the caller.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sfta_edge.errors import ConfigError
from sfta_edge.model import Model
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export import interchange_text as text
from sfta_export.content import finished_folder
from sfta_export.model_settings import load_json
from sfta_export.turns import Turns, go_template, jinja_template, read_turns

Target = Literal["ollama", "llama-server", "transformers"]
TARGETS: tuple[Target, ...] = get_args(Target)
CONTEXT = 4096
TEMPLATE = "chat_template.jinja"
_WEIGHTS = frozenset({".gguf", ".safetensors"})
_GENERATION = "generation_config.json"
# Two names for one file are not possible here: another file system, none at all, or too many.
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


@dataclass(frozen=True, slots=True)
class Licence:
    """Under which licence the model is."""

    stated: str = ""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    """Files by their names."""


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a program has to be told of a file, or does by itself."""

    template: str
    tokens: dict[str, str]
    """Spelling of the begin and the end token."""
    adds_begin: bool
    """Programs put the begin token before every prompt."""
    stops: tuple[str, ...]
    """Spellings of the tokens that end generation."""
    context: int
    """Tokens the model was trained to look at."""
    name: str
    licence: str

    @classmethod
    def read(cls, path: Path) -> "HeaderFacts":
        """Read a file's header.

        Raises:
            IntegrityError: the file is damaged.
        """
        model = Model(path)
        try:
            native, words = model.native, model.vocabulary
            raw = native.llama_model_chat_template(model.handle, None)
            ends = [i for i in range(model.token_count) if model.ends(i)]
            spelled = {
                "bos_token": _spelling(native, words, native.llama_vocab_bos(words)),
                "eos_token": _spelling(native, words, native.llama_vocab_eos(words)),
            }
            return cls(
                template=raw.decode("utf-8") if raw else "",
                tokens=spelled,
                adds_begin=bool(native.llama_vocab_get_add_bos(words)),
                stops=tuple(_spelling(native, words, i) for i in ends),
                context=model.trained_context,
                name=model.metadata("general.name"),
                licence=model.metadata("general.license"),
            )
        finally:
            model.close()


def hand_over_gguf(
    gguf: Path,
    contract: PromptContract,
    out: Path,
    target: Target,
    *,
    licence: Licence | None = None,
    context: int = CONTEXT,
) -> list[str]:
    """Write the folder of Ollama or of llama.cpp's server; return what its user should know.

    Args:
        gguf: The file.
        contract: Of the same model.
        out: The folder to make.
        target: `ollama` or `llama-server`.
        licence: Of the model.
        context: Room for prompt and answer, in tokens; never more than the model was trained for.

    Raises:
        ConfigError: `out` exists, or the contract cannot be written for this program.
        IntegrityError: the file is damaged, or the contract is another model's.
    """
    _require_new(out)
    facts, licence = HeaderFacts.read(gguf), licence or Licence()
    turns = read_turns(facts.template, contract, facts.tokens)
    room = min(context, facts.context)
    files = _ollama_files if target == "ollama" else _server_files
    written = files(text.Handed(gguf.name, contract, room, facts.name, _stated(licence, facts)),
                    facts, turns, licence)  # fmt: skip
    with finished_folder(out) as scratch:
        _link(gguf, scratch / gguf.name)
        (scratch / PROMPT_FILE).write_bytes(contract.to_bytes())
        _write(scratch, written, licence)
    return _remarks(facts, contract)


def hand_over_folder(
    model: Path, contract: PromptContract, out: Path, *, licence: Licence | None = None
) -> list[str]:
    """Write a folder that transformers and vLLM load without code; return what to know of it.

    Its generation settings name every token that ends a turn.

    Raises:
        ConfigError: `out` exists, or the model comes with code of its own.
    """
    _require_new(out)
    config = load_json(model / "config.json")
    if "auto_map" in config or any(model.glob("*.py")):
        raise ConfigError(f"{model} comes with code of its own, which is not handed over")
    licence = licence or Licence()
    settings, remarks = _generation(model, config, contract)
    with finished_folder(out) as scratch:
        for path in sorted(model.iterdir()):
            if path.is_file() and path.name != "manifest.json":
                put = _link if path.suffix in _WEIGHTS else shutil.copyfile
                put(path, scratch / path.name)
        written = {
            _GENERATION: json.dumps(settings, indent=2, sort_keys=True) + "\n",
            "README.md": text.transformers_readme(contract, licence.stated),
        }
        _write(scratch, written, licence)
    return remarks


def _require_new(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists", hint="Name a folder that is not there yet.")


def _stated(licence: Licence, facts: HeaderFacts) -> str:
    return licence.stated or facts.licence


def _ollama_files(
    handed: text.Handed, facts: HeaderFacts, turns: Turns, licence: Licence
) -> dict[str, str]:
    # Ollama reads the file as llama.cpp does, and adds the begin token by itself.
    told = turns.without_begin(facts.tokens["bos_token"]) if facts.adds_begin else turns
    stops = dict.fromkeys((handed.contract.end.strip(), *facts.stops))
    texts = [raw.decode("utf-8", errors="replace") for raw in licence.texts.values()]
    return {
        "Modelfile": text.modelfile(handed, go_template(told), [s for s in stops if s], texts),
        "README.md": text.ollama_readme(handed),
    }


def _server_files(
    handed: text.Handed, facts: HeaderFacts, turns: Turns, _licence: Licence
) -> dict[str, str]:
    # Begin token of the file, none in the contract: the server is told to leave it out.
    unwanted = facts.adds_begin and not turns.head.startswith(facts.tokens["bos_token"])
    return {
        TEMPLATE: jinja_template(turns),
        "serve.sh": text.serve_script(handed, leave_out_begin=unwanted),
        "example.json": text.example_request(handed.contract),
        "README.md": text.server_readme(handed),
    }


def _remarks(facts: HeaderFacts, contract: PromptContract) -> list[str]:
    begin = facts.tokens["bos_token"]
    if not facts.adds_begin or contract.head.startswith(begin):
        return []
    asked = f"the file asks programs to begin every prompt with {begin}"
    return [
        f"{asked}, which the model was not trained with; serve.sh turns it off, Ollama cannot"
    ]


def _generation(
    model: Path, config: Mapping[str, Any], contract: PromptContract
) -> tuple[dict[str, Any], list[str]]:
    """Generation settings in which every end token has a place."""
    from tokenizers import Tokenizer

    settings = load_json(model / _GENERATION)
    named = settings.get("eos_token_id", config.get("eos_token_id"))
    ends = named if isinstance(named, list) else [] if named is None else [named]
    spelled = contract.end.strip()
    last = Tokenizer.from_file(str(model / "tokenizer.json")).token_to_id(spelled)
    if last is None:
        return settings, [f"{spelled} is no token: give it as a stop text with every request"]
    # The end of the turn first: programs that know one end token take the first.
    return settings | {"eos_token_id": list(dict.fromkeys([last, *ends]))}, []


def _write(folder: Path, files: Mapping[str, str], licence: Licence) -> None:
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
        if name.endswith(".sh"):
            (folder / name).chmod(0o755)
    for name, raw in _free_names(licence.texts, taken={path.name for path in folder.iterdir()}):
        (folder / name).write_bytes(raw)


def _free_names(texts: Mapping[str, bytes], taken: set[str]) -> Iterable[tuple[str, bytes]]:
    return ((name, raw) for name, raw in texts.items() if Path(name).name not in taken)


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where there can be none."""
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copyfile(source, target)


def _spelling(native: Any, vocabulary: Any, token: int) -> str:
    raw = native.llama_vocab_get_text(vocabulary, token) if token >= 0 else None
    return raw.decode("utf-8", errors="replace") if raw else ""
