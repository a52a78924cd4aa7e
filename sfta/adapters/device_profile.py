"""Device profiles: one YAML file for each kind of machine, with the source of every figure."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from sfta.core.config import Section, build, read_yaml
from sfta_edge.errors import ConfigError
from sfta_export.device import Device, Kernel

_GIB = 1 << 30
_FOLDER = "configs/devices"
_CHECKOUT = Path(__file__).resolve().parents[2]
_KINDS = ("spec", "measured", "assumed")


class DeviceProfile(Section):
    """What decides how large a model a device holds, and how fast it answers."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    """Name of the profile, that of its file."""
    memory_gib: PositiveFloat
    """Memory that the system sees."""
    system_gib: NonNegativeFloat
    """Of it kept for the system and other programs."""
    bandwidth_gb_s: PositiveFloat
    """Bytes that all cores together read from memory, in 10^9 per second, sustained: about two
    thirds of what a data sheet says."""
    cores: PositiveInt
    """Physical cores."""
    clock_ghz: PositiveFloat
    """Of a core while all of them work."""
    instruction_set: str
    """CPU backend of llama.cpp that runs there, such as armv8.2_2, haswell or zen4; on the device
    `sfta-edge doctor` says which."""
    kernels: dict[Kernel, PositiveFloat] = {}
    """Operations per cycle and core by kind of number format, where they are known of this
    device; otherwise those of its instruction set are taken."""
    sources: dict[str, str] = {}
    """Where each figure comes from, beginning with spec, measured or assumed."""

    @model_validator(mode="after")
    def _sources_are_of_figures(self) -> Self:
        known = [name for name in type(self).model_fields if name not in ("name", "sources")]
        for name, source in self.sources.items():
            if name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                guess = f" (did you mean {near[0]}?)" if near else ""
                raise ValueError(f"sources: there is no figure {name}{guess}")
            if source.partition(":")[0] not in _KINDS:
                raise ValueError(f"sources.{name} begins with none of {', '.join(_KINDS)}")
        return self

    def device(self) -> Device:
        """The same in bytes, bytes per second and cycles per second.

        Raises:
            ConfigError: an unknown instruction set, or a system that keeps all of the memory.
        """
        return Device(
            name=self.name,
            memory=int(self.memory_gib * _GIB),
            reserved=int(self.system_gib * _GIB),
            bandwidth=self.bandwidth_gb_s * 1e9,
            cores=self.cores,
            clock=self.clock_ghz * 1e9,
            instruction_set=self.instruction_set,
            kernels=self.kernels,
        )


def read_profile(named: str, root: Path = Path()) -> DeviceProfile:
    """A profile by the path of its file, or by its name.

    Names are looked for in configs/devices of the current folder and of the checkout.

    Args:
        named: File or name.
        root: Where a relative path starts.

    Raises:
        ConfigError: there is no such profile, or its file holds something else.
    """
    path = root / Path(named).expanduser()
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        path = _by_name(named)
    return build(DeviceProfile, read_yaml(path), name=str(path))


def _by_name(name: str) -> Path:
    found = {path.stem: path for path in _shipped()}
    if name in found:
        return found[name]
    near = get_close_matches(name, found, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    listed = ", ".join(sorted(found)) or f"no profile in {_FOLDER}"
    raise ConfigError(
        f"there is no device profile {name!r}",
        hint=f"{hint}There are: {listed}; or give a file.",
    )


def _shipped() -> Iterator[Path]:
    for root in (_CHECKOUT, Path()):
        yield from sorted((root / _FOLDER).glob("*.yaml"))
