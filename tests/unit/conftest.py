"""Fixtures that several modules of this folder share."""

from bundle_inputs import bundle_job, bundle_recipe, known_licences, wheel_house
from called_program import call_program, corpus_artifact, logging_as_before, recipe_folder
from chunk_jobs import word_tokens
from counting_stages import stage_runtime
from evaluated_models import evaluation_world
from exported_models import exported
from ladder_world import ladder_world
from made_rows import made_rows
from packaged_base import packaged
from robust_world import robust_world
from wheels_made import installed_wheels, runtime_package

__all__ = [
    "bundle_job",
    "bundle_recipe",
    "call_program",
    "corpus_artifact",
    "evaluation_world",
    "exported",
    "installed_wheels",
    "known_licences",
    "ladder_world",
    "logging_as_before",
    "made_rows",
    "packaged",
    "recipe_folder",
    "robust_world",
    "runtime_package",
    "stage_runtime",
    "wheel_house",
    "word_tokens",
]
