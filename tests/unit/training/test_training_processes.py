"""Several processes: what is agreed on, and what is refused. Two real ones train in tests/e2e."""

import os
import subprocess
import sys

import pytest

from sfta.stages import train as stage
from sfta.training import processes
from sfta_edge.errors import ConfigError


def test_alone_everything_is_as_it_is():
    state = processes.join("cpu")
    assert (state.num_processes, processes.count(), processes.is_first()) == (1, 1, True)
    processes.meet()
    assert [processes.agreed(value) for value in (True, False)] == [True, False]
    assert processes.summed((1.5, 2.0)) == [1.5, 2.0]


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "that DeepSpeed has sharded"),
        ({"ACCELERATE_USE_FSDP": "true"}, "of FSDP 2 only"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "of FSDP 2 only"),
    ],
)
def test_weights_that_nobody_would_gather_are_refused(monkeypatch, variables, problem):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=problem):
        processes.join("cpu")


def test_answers_are_not_asked_of_a_part_of_the_weights(training_job, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    with pytest.raises(ConfigError, match=r"train\.answers needs whole weights"):
        stage.run(training_job(answers=2))


SHARDED = """
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from sfta.training.best import trained_weights

torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 3))
model[0].weight.requires_grad_(False)
whole = {name: value.clone() for name, value in trained_weights(model).items()}
fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
held = sum(p.to_local().numel() for p in model.parameters())
found = trained_weights(model)
assert held < sum(p.numel() for p in model.parameters())
assert list(found) == list(whole) == ["0.bias", "1.weight", "1.bias"]
assert all(found[name].equal(whole[name]) for name in whole)
print("gathered")
"""


@pytest.mark.slow
def test_weights_that_two_processes_have_parts_of_are_gathered_whole(tmp_path):
    (tmp_path / "script.py").write_text(SHARDED, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(tmp_path / "script.py")],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.count("gathered") == 2, done.stderr
