"""Where the figures of a training are shown while it runs: TensorBoard, MLflow, W&B, trackio.

The callbacks are those of transformers, which read where to write from the environment. What the
environment does not say is set so that nothing leaves the machine.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ALWAYS = "tensorboard"
_PACKAGES = {"mlflow": "mlflow-skinny", "wandb": "wandb", "trackio": "trackio"}


def tracker_problems(names: Sequence[str]) -> list[str]:
    """Trackers that are not installed, with what to install; one sentence each."""
    return [
        f"track.to: {name} is not installed: pip install {_PACKAGES[name]}"
        for name in names
        if find_spec(name) is None
    ]


@contextmanager
def tracking(names: Sequence[str], folder: Path, run: str, project: str) -> Iterator[None]:
    """Let trackers write below a folder of this machine, unless the environment says otherwise.

    Args:
        names: the trackers that are used.
        folder: holds what all runs have shown.
        run: name of this one.
        project: what the trackers file it under.
    """
    place = folder.resolve()
    local = {
        ALWAYS: {"TENSORBOARD_LOGGING_DIR": str(place / "tensorboard" / run)},
        "mlflow": {
            "MLFLOW_TRACKING_URI": (place / "mlflow").as_uri(),
            "MLFLOW_ALLOW_FILE_STORE": "true",  # a database would be one more dependency
            "MLFLOW_EXPERIMENT_NAME": project,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        # Only where it is used: transformers prints a line when it finds the mode.
        "wandb": {"WANDB_MODE": "offline", "WANDB_DIR": str(place), "WANDB_PROJECT": project},
        "trackio": {"TRACKIO_DIR": str(place / "trackio")},
    }
    wanted = {key: value for name in (ALWAYS, *names) for key, value in local[name].items()}
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
