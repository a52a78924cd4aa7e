"""Models named in a recipe or on the command line: their file, their prompt, what they are."""

from dataclasses import replace
from pathlib import Path

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.adapters.gguf_template import GgufTemplate
from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, plan_stages, select
from sfta.evaluation.config import BASE, FileModel
from sfta.recipe import Recipe, load_recipe
from sfta.stages.opened_model import NamedModel
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import MANIFEST
from sfta_edge.model import Model
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export.content import file_digest, finished_folder, folder_digest
from sfta_export.gguf import model_gguf
from sfta_export.merge import merge
from sfta_export.quantized_base import QuantizedBase

_RECIPES = (".yaml", ".yml")


def scheme_of(recipe: Recipe) -> str:
    """Number format of the files that are compared."""
    return recipe.evaluate.scheme or recipe.export.schemes[0]


def named_model(recipe: Recipe, runtime: Runtime, name: str) -> NamedModel:
    """The recipe's base model, or that of a path; adapters are merged, folders converted.

    Args:
        recipe: names base, prompt and scheme.
        runtime: where artifacts and prepared models lie.
        name: `base`, or a path as in `evaluate.models`.

    Raises:
        ConfigError: there is no such model, or another recipe's was not made yet.
    """
    scheme, cache = scheme_of(recipe), runtime.cache
    path = None if name == BASE else _place(recipe, runtime, name)
    if path is not None and path.is_file():
        return NamedModel(path, file_contract(path, recipe), trained=False)
    if path is not None and (path / PROMPT_FILE).is_file() and list(path.glob("model-*.gguf")):
        file = path / f"model-{scheme}.gguf"
        if not file.is_file():
            made = ", ".join(sorted(found.name for found in path.glob("model-*.gguf")))
            raise ConfigError(f"{path} holds no {file.name}, but {made}")
        return NamedModel(file, PromptContract.read(path / PROMPT_FILE), trained=True)
    base = hub.resolve_model(recipe.model.base, cache, root=recipe.root)
    folder = own = base if path is None else path
    if (folder / "adapter_config.json").is_file():
        folder = _merged(base, folder, cache)
    trained = (own / PROMPT_FILE).is_file()
    contract = (
        PromptContract.read(own / PROMPT_FILE)
        if trained
        else make_contract(hub.load_tokenizer(folder), recipe.prompt)
    )
    return NamedModel(model_gguf(folder, cache, scheme), contract, trained)


def model_identity(recipe: Recipe, runtime: Runtime, model: FileModel) -> str:
    """What a compared model is, whatever it is called; empty if it is not there."""
    try:
        path = _place(recipe, runtime, model.path)
    except SftaError:
        return ""
    if path.is_file():
        return file_digest(path)
    return Artifact.open(path).digest if (path / MANIFEST).is_file() else folder_digest(path)


def model_problems(recipe: Recipe, runtime: Runtime, model: FileModel) -> list[str]:
    """Why a compared model cannot be asked; one sentence each."""
    try:
        _place(recipe, runtime, model.path)
    except SftaError as error:
        return [str(error)]
    return []


def file_contract(path: Path, recipe: Recipe) -> PromptContract:
    """The recipe's texts in the chat template that a GGUF file carries."""
    model = Model(path)
    try:
        template = GgufTemplate(model)
        contract = make_contract(template, recipe.prompt)
        return replace(contract, head=template.added + contract.head)
    finally:
        model.close()


def _place(recipe: Recipe, runtime: Runtime, name: str) -> Path:
    """A GGUF file, or a folder that can be made into one."""
    path = recipe.root / Path(name).expanduser()
    if path.suffix in _RECIPES and path.is_file():
        return _exported(path, runtime)
    if path.is_file() and path.suffix == ".gguf":
        return path
    if any((path / known).is_file() for known in ("config.json", "adapter_config.json")):
        return path
    if (path / PROMPT_FILE).is_file():
        return path
    raise ConfigError(
        f"{name} is no GGUF file, adapter, model folder, artifact or recipe",
        hint="Give the path of one.",
    )


def _exported(path: Path, runtime: Runtime) -> Path:
    """What `export` has made of another recipe."""
    # Loaded here: the line holds the stage that asks for this.
    from sfta.stages.pipeline import stages_of

    other = load_recipe(path)
    stages = select(stages_of(other), "export")
    last = plan_stages(stages, other, runtime)[-1]
    if last.state != "reuse" or last.path is None:
        raise ConfigError(
            f"the model of {path} is not made yet",
            hint=f"Run `sfta run {path} --until export`, with the same --runs.",
        )
    return last.path


def _merged(base: Path, adapter: Path, cache: Path) -> Path:
    """The merged model of an adapter, made once for its content."""
    name = f"{folder_digest(adapter)[:16]}-{folder_digest(base)[:16]}"
    final = cache.expanduser() / "tried" / name
    if not final.is_dir():
        with finished_folder(final) as scratch:
            merge(base, adapter, scratch, quantized=QuantizedBase.read(adapter))
    return final
