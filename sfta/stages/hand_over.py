"""From an artifact to a folder that another program loads, the artifact verified before."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from sfta.adapters import hub
from sfta.adapters.model_licence import model_licence
from sfta.core.artifact import Artifact, finished
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export import interchange
from sfta_export.interchange import Licence, Target

_MADE_BY = {"gguf": "sfta export", "model": "sfta merge"}
_NEEDS = {"ollama": "gguf", "llama-server": "gguf", "transformers": "model"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    target: Target
    scheme: str | None = None
    """Which of several GGUF files; not needed where there is one."""
    context: int = interchange.CONTEXT


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What was made."""

    folder: Path
    files: dict[str, int]
    """Names and sizes."""
    licence: str
    """As stated; empty if it is not known."""
    remarks: list[str]


def hand_over(path: Path, out: Path, wanted: Wanted, cache: Path) -> HandedOver:
    """Verify an artifact of merge or export and write the folder.

    Raises:
        ConfigError: another kind of artifact, an unknown scheme, or `out` exists.
        IntegrityError: a file of the artifact is not the one that was made.
    """
    artifact = Artifact.open(path)
    _require_kind(artifact, wanted.target)
    chosen = None if artifact.kind == "model" else _file_of(artifact, wanted.scheme)
    artifact.verify()
    contract = PromptContract.read(artifact.file(PROMPT_FILE))
    licence = _licence(artifact, cache)
    if chosen is None:
        remarks = interchange.hand_over_folder(artifact.path, contract, out, licence=licence)
    else:
        remarks = interchange.hand_over_gguf(
            chosen, contract, out, wanted.target, licence=licence, context=wanted.context
        )
    files = {file.name: file.stat().st_size for file in sorted(out.iterdir())}
    return HandedOver(out, files, licence.stated, remarks)


def _require_kind(artifact: Artifact, target: Target) -> None:
    if artifact.kind == _NEEDS[target]:
        return
    maker = _MADE_BY[_NEEDS[target]]
    beside = _beside(artifact, _NEEDS[target])
    raise ConfigError(
        f"{artifact.path} holds {artifact.kind}; {target} needs what `{maker}` makes",
        hint=f"Give {beside}." if beside else f"Give a folder of {maker.split()[1]}.",
    )


def _beside(artifact: Artifact, kind: str) -> Path | None:
    """The artifact of that kind in the same runs folder that belongs to this one."""
    for other in finished(artifact.path.resolve().parents[1]):
        inputs = artifact.manifest.facts.get("inputs", {})
        made_of = other.manifest.facts.get("inputs", {})
        if other.kind == kind and (
            other.digest in inputs.values() or artifact.digest in made_of.values()
        ):
            return other.path
    return None


def _file_of(artifact: Artifact, scheme: str | None) -> Path:
    listed = [entry.path for entry in artifact.manifest.files]
    # Not the adapter alone, nor files in parts.
    names = [n for n in listed if n.startswith("model-") and n.endswith(".gguf")]
    schemes = {name.removeprefix("model-").removesuffix(".gguf"): name for name in names}
    if scheme is None and len(schemes) == 1:
        scheme = next(iter(schemes))
    if scheme not in schemes:
        asked = f"no scheme {scheme}" if scheme else f"{len(schemes)} files"
        raise ConfigError(
            f"{artifact.path} holds {asked}", hint=f"--scheme {', '.join(schemes) or 'none'}."
        )
    return artifact.file(schemes[scheme])


def _licence(artifact: Artifact, cache: Path) -> Licence:
    """Of the base model, where it is on this machine; nothing is fetched for it."""
    base = artifact.manifest.facts.get("settings", {}).get("model", {}).get("base", "")
    # The base may be gone, or be a folder beside a recipe that is not known here.
    with contextlib.suppress(SftaError, OSError):
        if base and hub.local_path(base) is not None:
            found = model_licence(base, cache)
            return Licence(found.stated, found.texts if found.has_own_text else {})
    return Licence()
