"""Several processes: what is agreed on, and what is refused. Two real ones train in tests/e2e."""

import pytest

from sfta.training import processes
from sfta_edge.errors import ConfigError


def test_alone_everything_is_as_it_is():
    state = processes.join("cpu")
    assert (state.num_processes, processes.count(), processes.is_first()) == (1, 1, True)
    processes.meet()
    assert [processes.agreed(value) for value in (True, False)] == [True, False]
    assert processes.summed((1.5, 2.0)) == [1.5, 2.0]


@pytest.mark.parametrize("variable", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_sharded_weights_are_refused(monkeypatch, variable):
    monkeypatch.setenv(variable, "true")
    with pytest.raises(ConfigError, match="sharded over processes"):
        processes.join("cpu")
