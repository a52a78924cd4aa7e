"""Stage bundle: model, index and report -> one signed folder and one file for the device."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from sfta import __version__
from sfta.adapters import wheelhouse
from sfta.adapters.model_statement import key_hint, statement_pem, write_statement
from sfta.adapters.wheelhouse import Wheelhouse
from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.verdict import ALWAYS
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.device_plan import device_of, predicted
from sfta.stages.golden import golden_questions
from sfta.stages.index import EMBEDDER, KNOWLEDGE
from sfta.stages.licences import FOLDER as LICENCES
from sfta.stages.licences import licence_problems
from sfta.stages.originals import copy_originals
from sfta.stages.papers import (
    EMBEDDER_PATH,
    KNOWLEDGE_PATH,
    model_licences,
    model_path,
    write_papers,
)
from sfta.stages.wheel_order import compat, device_problems, wheel_order
from sfta_edge.archive import write_archive
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.golden import GOLDEN_FILE
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.seal import seal
from sfta_edge.signature import fingerprint, load_private_key

FOLDER = "bundle"
STATEMENT_KEY = ".statement.pub"
"""Ends the name of the public key for OpenSSF model-signing, beside the bundle and not in it."""
_CHUNK = ("strategy", "max_tokens", "min_tokens", "overlap_tokens")
"""How the device cuts documents of its own: as those of the bundle were cut."""


def run(job: Job[Recipe]) -> Metrics:
    """Put the bundle together, sign it, and write it as a folder and as one file."""
    if job.runtime.signing_key is None:
        raise ConfigError(*_NO_KEY)
    key = load_private_key(job.runtime.signing_key)
    report = passing_report(job.inputs["report"], job.recipe.bundle.scheme)
    require_measured(report, job.inputs)
    order = wheel_order(job.recipe)
    house = wheelhouse.gather(order, job.runtime.cache)
    models = model_licences(job.recipe, job.runtime)
    if problems := licence_problems(order, models, house.wheels):
        raise ConfigError("\n".join(problems), hint=wheelhouse.PERMIT)
    root = job.out / FOLDER
    _copy_parts(job, root)
    _copy_wheels(house, root)
    index = job.inputs["index"].file(KNOWLEDGE)
    golden = golden_questions(job.inputs["report"], index)
    (root / GOLDEN_FILE).write_bytes(golden.to_bytes())
    originals = copy_originals(job, index, root) if job.recipe.bundle.originals else 0
    write_papers(job, root, report, house.wheels)
    name, counter = job.recipe.name, job.recipe.bundle.counter
    statement_key = statement_pem(key)
    write_statement(root, f"{name}-{counter}", key)
    facts = bundle_facts(job, report, compat(order, house)) | {
        "key": fingerprint(key.public_key()),
        "statement_key": key_hint(statement_key),
    }
    manifest = seal(root, facts, key)
    (job.out / f"{name}-{counter}{STATEMENT_KEY}").write_bytes(statement_key)
    archive = job.out / f"{name}-{counter}.tar"
    write_archive(root, manifest, archive)
    return {
        "counter": counter,
        "files": len(manifest.files),
        "bytes": archive.stat().st_size,
        "wheels": len(house.wheels),
        "originals": originals,
        "golden_questions": len(golden.questions),
        "digest": manifest.digest[:16],
    }


def passing_report(artifact: Artifact, scheme: str) -> dict[str, Any]:
    """The report, if it allows this model file to ship.

    Raises:
        SftaError: a gate failed or is not there, or another file was measured.
        IntegrityError: the report cannot be read.
    """
    try:
        report: dict[str, Any] = json.loads(artifact.file("report.json").read_bytes())
        failed = [gate["name"] for gate in report["gates"] if gate["passed"] is not True]
        missing = ALWAYS - {gate["name"] for gate in report["gates"]}
        failed += [f"{name} is missing" for name in sorted(missing)]
        passed, measured = report["passed"], report["settings"]["scheme"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"the report in {artifact.path} is not readable: {error}"
        ) from error
    if failed or passed is not True:
        raise SftaError(
            f"the report is not passed: {', '.join(failed) or 'by its own verdict'}",
            hint=f"Read {artifact.path / 'report.html'}; nothing ships below its gates.",
        )
    if measured != scheme:
        raise SftaError(
            f"the report measured {measured}, but bundle.scheme is {scheme}",
            hint="Set evaluate.scheme and bundle.scheme to the same scheme.",
        )
    return report


def require_measured(report: dict[str, Any], inputs: Mapping[str, Artifact]) -> None:
    """What ships is what was measured.

    Raises:
        IntegrityError: the report was made from another model or index.
    """
    measured = report["settings"].get("inputs", {})
    for kind in ("gguf", "index"):
        if measured.get(kind) != inputs[kind].digest:
            raise IntegrityError(
                f"the report was made with another {kind}", hint="Run the evaluation again."
            )


def bundle_facts(
    job: Job[Recipe], report: dict[str, Any], devices: dict[str, list[str]]
) -> dict[str, Any]:
    """What the device needs to know, and where the bundle comes from."""
    recipe = job.recipe
    made_from = {kind: artifact.digest for kind, artifact in sorted(job.inputs.items())}
    keys = {
        kind: str(a.manifest.facts.get("key", "")) for kind, a in sorted(job.inputs.items())
    }
    return {
        "name": recipe.name,
        "counter": recipe.bundle.counter,
        "compat": devices,
        "chunk": {name: getattr(recipe.chunk, name) for name in _CHUNK},
        "answer": answer_facts(report, recipe.retrieval.candidates),
        "model": model_path(recipe),
        "base_model": recipe.model.base,
        "embedder": EMBEDDER_PATH,
        "knowledge": KNOWLEDGE_PATH,
        "prompt": PROMPT_FILE,
        "report": job.inputs["report"].digest,
        "made_from": made_from,
        "keys": keys,
        "sfta": __version__,
        **predicted(recipe, job.runtime),
    }


def _copy_parts(job: Job[Recipe], root: Path) -> None:
    gguf, index, report = (job.inputs[kind] for kind in ("gguf", "index", "report"))
    sources = {
        model_path(job.recipe): gguf.file(f"model-{job.recipe.bundle.scheme}.gguf"),
        EMBEDDER_PATH: index.file(EMBEDDER),
        KNOWLEDGE_PATH: index.file(KNOWLEDGE),
        PROMPT_FILE: gguf.file(PROMPT_FILE),
        "report.json": report.file("report.json"),
        "report.html": report.file("report.html"),
    }
    for name, source in sources.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, root / name)
    PromptContract.read(root / PROMPT_FILE)
    script = files("sfta_edge").joinpath("install.sh").read_bytes()
    (root / "install.sh").write_bytes(script)
    (root / "install.sh").chmod(0o755)


def _copy_wheels(house: Wheelhouse, root: Path) -> None:
    folder = root / "wheels"
    folder.mkdir()
    for wheel in house.wheels:
        shutil.copyfile(wheel.path, folder / wheel.path.name)
        for name, content in wheel.licence_files().items():
            path = root / LICENCES / f"{wheel.name}-{wheel.version}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    shutil.copyfile(house.folder / wheelhouse.REQUIREMENTS, folder / wheelhouse.REQUIREMENTS)


_NO_KEY = ("there is no key to sign the bundle with; make one with `sfta keygen`",)


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, Any]:
    key = runtime.signing_key
    device = device_of(recipe)
    return {
        **({"device": asdict(device)} if device else {}),
        "key": fingerprint(load_private_key(key).public_key()) if key else None,
        "wheels": wheelhouse.identity(wheel_order(recipe), runtime.cache),
        "licences": {
            part: found.digest for part, found in model_licences(recipe, runtime).items()
        },
    }


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    problems = [] if runtime.signing_key else [_NO_KEY[0]]
    if recipe.bundle.scheme not in recipe.export.schemes:
        listed = ", ".join(recipe.export.schemes)
        problems.append(f"bundle.scheme {recipe.bundle.scheme} is not exported ({listed})")
    try:
        _external(recipe, runtime)
        problems += licence_problems(wheel_order(recipe), model_licences(recipe, runtime))
        problems += device_problems(recipe)
        predicted(recipe, runtime)
    except SftaError as error:
        problems.append(f"{error} {error.hint}".strip())
    return problems


STAGE = Stage(
    name="bundle",
    needs=("gguf", "index", "dataset", "report"),
    makes="bundle",
    sections=(
        *(
            "name",
            "ingest",
            "chunk",
            "index",
            "retrieval",
            "model",
            "prompt",
            "export",
            "evaluate",
        ),
        "bundle",
    ),
    run=run,
    revision=4,
    external=_external,
    check=_check,
)
