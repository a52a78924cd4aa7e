"""`sfta hand-over`: a model as a folder that another program loads."""

import logging
from dataclasses import asdict
from pathlib import Path

import click

from sfta.cli.options import CACHE, JSON
from sfta.cli.screen import print_json, print_table
from sfta_export.interchange import CONTEXT, TARGETS, Target

log = logging.getLogger("sfta")
_NEXT = {
    "ollama": "cd {out} && ollama create NAME -f Modelfile",
    "llama-server": "sh {out}/serve.sh",
    "transformers": "vllm serve {out}",
}


@click.command("hand-over")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Choice(TARGETS),
    required=True,
    help="Program that loads OUT; vLLM loads what is made for transformers.",
)
@click.option(
    "--scheme", metavar="SCHEME", help="Which GGUF file, as in Q8_0, where there are several."
)
@click.option(
    "--context",
    type=click.IntRange(min=1),
    default=CONTEXT,
    show_default=True,
    help="Tokens of prompt and answer, for Ollama and llama-server.",
)
@CACHE
@JSON
def command(
    artifact: Path,
    out: Path,
    *,
    target: Target,
    scheme: str | None,
    context: int,
    cache: Path,
    as_json: bool,
) -> None:
    """Write ARTIFACT, a folder of export or merge, to OUT as another program loads it.

    ARTIFACT is verified first. Ollama and llama-server take an export, transformers and vLLM
    a merged model. Weights are linked, not copied, where the file system can.

    Example: sfta hand-over runs/export/0123456789abcdef out --to ollama --scheme Q8_0
    """
    from sfta.stages.hand_over import Wanted, hand_over

    made = hand_over(artifact, out, Wanted(target, scheme, context), cache.expanduser())
    for remark in made.remarks:
        log.warning("%s", remark)
    if as_json:
        print_json(asdict(made) | {"folder": str(made.folder)})
        return
    print_table(("file", "bytes"), [(name, str(size)) for name, size in made.files.items()])
    click.echo(f"licence: {made.licence or 'not known here; ask the maker of the base model'}")
    click.echo(f"next: {_NEXT[target].format(out=out)}")
