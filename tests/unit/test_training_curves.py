"""What is kept of a training run: figures of each step, pictures, checkpoints by the clock."""

import json
import math
import struct
from types import SimpleNamespace

import pytest
import torch

from sfta.core.progress import Task
from sfta.training import watching
from sfta.training.checkpoints import COMPLETE
from sfta.training.curves import _smooth, draw_curves
from sfta.training.watching import Watch, history_lines, write_history

LOG = [
    {"loss": 2.0, "grad_norm": 0.5, "learning_rate": 1e-4, "epoch": 0.5, "step": 1},
    {
        "eval_loss": 1.8,
        "eval_perplexity": 6.05,
        "eval_token_accuracy": 0.5,
        "epoch": 0.5,
        "step": 1,
    },
    {"loss": 1.5, "grad_norm": 0.4, "learning_rate": 0.0, "epoch": 1.0, "step": 2},
    {"train_runtime": 12.5, "train_samples_per_second": 3.0, "epoch": 1.0, "step": 2},
]


def test_history_keeps_the_figures_and_leaves_out_the_clock():
    lines = history_lines(LOG)
    assert lines == LOG[:3]
    assert history_lines([]) == []


def test_history_is_one_json_object_per_line(tmp_path):
    write_history(tmp_path / "history.jsonl", history_lines(LOG))
    text = (tmp_path / "history.jsonl").read_text("utf-8")
    assert [json.loads(line) for line in text.splitlines()] == LOG[:3]
    assert text.endswith("\n")


def png_size(path):
    """Width and height in the header of a PNG."""
    raw = path.read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", raw[16:24])


@pytest.mark.parametrize(
    "log",
    [LOG, LOG[:1], LOG[1:2], []],
    ids=["both", "training only", "validation only", "nothing"],
)
def test_curves_are_four_pictures(tmp_path, log):
    draw_curves(history_lines(log), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "gradient_norm.png", "learning_rate.png", "loss_epochs.png", "loss_steps.png",
    ]  # fmt: skip
    assert png_size(tmp_path / "loss_steps.png") == (720, 420)


def test_the_same_history_gives_the_same_pictures_and_another_does_not(tmp_path):
    pictures = []
    for number, log in enumerate((LOG, LOG, LOG[:2])):
        folder = tmp_path / str(number)
        folder.mkdir()
        draw_curves(history_lines(log), folder)
        pictures.append((folder / "loss_steps.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_picture_tells_nothing_of_when_it_was_drawn(tmp_path):
    draw_curves(history_lines(LOG), tmp_path)
    raw = (tmp_path / "loss_steps.png").read_bytes()
    assert b"tEXtSoftware\x00sfta" in raw
    assert b"Creation" not in raw
    assert b"tIME" not in raw


def test_smoothing_starts_at_the_first_value_and_follows_slowly():
    assert _smooth((4.0, 0.0, 0.0)) == pytest.approx([4.0, 3.2, 2.56])
    assert _smooth((1.0,)) == [1.0]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when told."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(watching.time, "monotonic", lambda: now.seconds)
    return now


LOOP = SimpleNamespace(tokens=0, model=SimpleNamespace(device=torch.device("cpu")))


def trainer_state(step, most=10):
    return SimpleNamespace(global_step=step, max_steps=most)


def finish_step(watch, step):
    """Whether a checkpoint is asked for after a step."""
    control = SimpleNamespace(should_save=False)
    watch.on_step_end(None, trainer_state(step), control)
    return control.should_save


def save(watch, folder, step):
    (folder / f"checkpoint-{step}").mkdir(parents=True)
    (folder / f"checkpoint-{step}/model").touch()
    watch.on_save(SimpleNamespace(output_dir=str(folder)), trainer_state(step), None)


def test_a_checkpoint_is_asked_for_by_the_clock(clock, tmp_path):
    watch = Watch(Task("train", 10), LOOP, checkpoint_seconds=60)
    asked = []
    for step in range(1, 7):
        clock.seconds += 25
        asked.append(finish_step(watch, step))
        if asked[-1]:
            save(watch, tmp_path, step)
    assert asked == [False, False, True, False, False, True]


def test_a_checkpoint_is_marked_when_it_is_on_the_disk(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(
        watching,
        "sync_tree",
        lambda folder: order.append(sorted(p.name for p in folder.iterdir())),
    )
    save(Watch(Task("train", 10), LOOP, checkpoint_seconds=60), tmp_path, 3)
    assert order == [["model"]]
    assert (tmp_path / "checkpoint-3" / COMPLETE).exists()


def test_progress_counts_steps_and_shows_the_loss():
    task = Task("train", None)
    watch = Watch(task, LOOP, checkpoint_seconds=60)
    watch.on_train_begin(None, trainer_state(4), None)
    assert (task.done, task.total) == (4, 10)  # a resumed run continues the count
    watch.on_log(logs={"loss": 1.25})
    watch.on_log(logs={"eval_loss": 9.0})
    finish_step(watch, 5)
    assert (task.done, task.note.split(", ")[0]) == (5, "loss 1.250")


def test_before_the_first_loss_there_is_no_number():
    task = Task("train", 10)
    finish_step(Watch(task, LOOP, checkpoint_seconds=60), 1)
    assert task.note.startswith("loss not known yet, ")


def test_the_loss_of_a_run_is_the_mean_of_its_last_steps():
    lines = [{"loss": float(n)} for n in range(30)] + [{"eval_loss": 99.0}]
    assert watching.last_loss(lines) == 24.5
    assert math.isnan(watching.last_loss([]))
