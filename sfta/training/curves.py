"""Loss curves as pictures."""

from pathlib import Path
from typing import Any

_SIZE_INCHES = (7.2, 4.2)


def draw_curves(history: list[dict[str, Any]], folder: Path) -> None:
    """Write `loss_steps.png` and `loss_epochs.png`: training and validation loss."""
    _draw(history, "step", "optimizer step", folder / "loss_steps.png")
    _draw(history, "epoch", "epoch", folder / "loss_epochs.png")


def _draw(history: list[dict[str, Any]], axis: str, label: str, path: Path) -> None:
    # Matplotlib takes most of a second to load.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [(h[axis], h["loss"]) for h in history if "loss" in h]
    validation = [(h[axis], h["eval_loss"]) for h in history if "eval_loss" in h]
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    if training:
        x, y = zip(*training, strict=True)
        axes.plot(x, y, color="#9db4cf", linewidth=1, label="training, each step")
        axes.plot(x, _smooth(y), color="#1f4e8c", linewidth=2, label="training, smoothed")
    if validation:
        x, y = zip(*validation, strict=True)
        axes.plot(x, y, color="#c1440e", marker="o", linewidth=2, label="validation")
    axes.set_xlabel(label)
    axes.set_ylabel("loss per completion token (nats)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if training or validation:
        axes.legend(frameon=False)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": "sfta"})  # type: ignore[no-untyped-call]


def _smooth(values: tuple[float, ...], share: float = 0.2) -> list[float]:
    """Exponential average that starts at the first value."""
    smooth: list[float] = []
    for value in values:
        smooth.append(value if not smooth else smooth[-1] + share * (value - smooth[-1]))
    return smooth
