"""Two processes train what one trains: same losses, one artifact, as a launcher starts them."""

import json
import os
import subprocess
import sys

import pytest

from small_line import make_workplace, sfta

pytestmark = pytest.mark.slow
SETTINGS = (
    *("--set", "train.rows_per_step=6", "--set", "train.epochs=2"),
    *("--set", "train.learning_rate=0.02", "--set", "train.validations=3"),
    *("--set", "train.checkpoint_minutes=0.001"),
)
ROWS = 47  # neither the packs of an epoch nor those of its last step come out even


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_base):
    folder = tmp_path_factory.mktemp("together")
    make_workplace(folder, tiny_base)
    rows = [
        {
            "question": f"What does lamp {n} say {'now ' * (n % 5)}?",
            "answer": f"It says {n * 7}.",
            "context": f"Lamp {n} hangs in hall {n % 9}. It says {n * 7}.",
        }
        for n in range(ROWS)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines, "utf-8")
    return folder


def arguments(command, runs):
    return (command, "recipe.yaml", "--dataset", "rows.jsonl", "--runs", runs, "--device", "cpu",
            *SETTINGS, "--json")  # fmt: skip


def launched(folder, command, runs):
    """The command in two processes, each with one thread."""
    # On CPUs `accelerate launch` wants MPI; on GPUs it sets the variables that torchrun sets.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone",
              "--nproc-per-node", "2"]  # fmt: skip
    return subprocess.run(
        [*launch, "-m", "sfta.cli.main", *arguments(command, runs)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def history(folder, trained):
    path = folder / trained["path"] / "history.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_two_processes_have_the_losses_of_one(folder):
    alone = sfta(*arguments("train", "alone"), cwd=folder)
    assert alone.returncode == 0, alone.stderr
    adopted = sfta(*arguments("adopt", "together"), cwd=folder)
    assert adopted.returncode == 0, adopted.stderr
    done = launched(folder, "train", "together")
    assert done.returncode == 0, done.stderr
    one, two = json.loads(alone.stdout)[-1], json.loads(done.stdout)[-1]
    assert (one["metrics"]["processes"], two["metrics"]["processes"]) == (1, 2)
    assert one["path"].split("/")[-1] == two["path"].split("/")[-1]
    ours, theirs = history(folder, one), history(folder, two)
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    assert sum("eval_loss" in line for line in theirs) == 3
    for first, second in zip(ours, theirs, strict=True):
        for name in first:
            assert second[name] == pytest.approx(first[name], rel=1e-4, abs=1e-6), name
    assert one["metrics"]["validation_token_accuracy"] == pytest.approx(
        two["metrics"]["validation_token_accuracy"], abs=0.01
    )
    assert not list((folder / "together/.work").iterdir())
    again = launched(folder, "train", "together")
    assert json.loads(again.stdout)[-1]["reused"] is True


def test_only_training_runs_in_several_processes(folder):
    done = launched(folder, "merge", "nothing")
    assert done.returncode != 0
    assert "merge runs in one process, and 2 were started" in done.stderr


def test_what_comes_before_is_asked_for(folder):
    done = launched(folder, "train", "nothing")
    assert done.returncode != 0
    assert "adopt has not run yet, and only training runs in several processes" in done.stderr
    assert "Run `sfta adopt` with this recipe first" in done.stderr
