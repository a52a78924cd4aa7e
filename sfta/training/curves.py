"""Loss curves as pictures."""

from pathlib import Path
from typing import Any

_SIZE_INCHES = (7.2, 4.2)


def draw_curves(history: list[dict[str, Any]], folder: Path) -> None:
    """Write the loss by step and by epoch, the learning rate and the gradient's length."""
    _draw(history, "step", "optimizer step", folder / "loss_steps.png")
    _draw(history, "epoch", "epoch", folder / "loss_epochs.png")
    _draw_figure(history, "learning_rate", "learning rate", folder / "learning_rate.png")
    norm = "length of the gradient before it is cut"
    _draw_figure(history, "grad_norm", norm, folder / "gradient_norm.png")


def _draw_figure(history: list[dict[str, Any]], name: str, label: str, path: Path) -> None:
    """One figure of every step."""
    figure, axes = _axes("optimizer step", label)
    if known := [(h["step"], h[name]) for h in history if name in h]:
        x, y = zip(*known, strict=True)
        axes.plot(x, y, color="#1f4e8c", linewidth=1.5)
    _save(figure, path)


def _draw(history: list[dict[str, Any]], axis: str, label: str, path: Path) -> None:
    training = [(h[axis], h["loss"]) for h in history if "loss" in h]
    validation = [(h[axis], h["eval_loss"]) for h in history if "eval_loss" in h]
    figure, axes = _axes(label, "loss per completion token (nats)")
    if training:
        x, y = zip(*training, strict=True)
        axes.plot(x, y, color="#9db4cf", linewidth=1, label="training, each step")
        axes.plot(x, _smooth(y), color="#1f4e8c", linewidth=2, label="training, smoothed")
    if validation:
        x, y = zip(*validation, strict=True)
        axes.plot(x, y, color="#c1440e", marker="o", linewidth=2, label="validation")
    if training or validation:
        axes.legend(frameon=False)
    _save(figure, path)


def _axes(across: str, up: str) -> tuple[Any, Any]:
    # Matplotlib takes most of a second to load.
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.axes[0].set_ylim(bottom=0)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": "sfta"})  # type: ignore[no-untyped-call]


def _smooth(values: tuple[float, ...], share: float = 0.2) -> list[float]:
    """Exponential average that starts at the first value."""
    smooth: list[float] = []
    for value in values:
        smooth.append(value if not smooth else smooth[-1] + share * (value - smooth[-1]))
    return smooth
