"""Which wheels a recipe's bundle needs: for which devices, from where, under which licences."""

from sfta.adapters.wheel_target import Target
from sfta.adapters.wheelhouse import Order, Wheelhouse
from sfta.recipe import Recipe
from sfta.stages.device_plan import device_of

_SYSTEMS = {
    "debian-12": ("3.11", "2.36"),
    "debian-13": ("3.13", "2.41"),
    "ubuntu-24.04": ("3.12", "2.39"),
}
"""Their own Python and C library."""
_ARM = "armv"


def wheel_order(recipe: Recipe) -> Order:
    """The order of a recipe; what it leaves open is as on the machine that builds."""
    chosen = recipe.bundle.target
    pythons, glibc = list(recipe.bundle.pythons), chosen.glibc
    if chosen.system is not None:
        python, glibc = _SYSTEMS[chosen.system]
        pythons = [python]
    named = recipe.bundle.wheels
    return Order(
        target=Target.of(chosen.machine, pythons, glibc),
        folder=recipe.root / named if named is not None else None,
        exceptions=recipe.bundle.licence_exceptions,
    )


def compat(order: Order, house: Wheelhouse) -> dict[str, list[str]]:
    """The devices that take the bundle, as its manifest says it."""
    return {
        "python": list(order.target.pythons),
        "machine": [order.target.machine],
        "system": ["linux"],
        "glibc": [house.glibc] if house.glibc else [],
    }


def device_problems(recipe: Recipe) -> list[str]:
    """One sentence if the planned device is of another kind than the wheels.

    Raises:
        ConfigError: there is no such profile, or it cannot be read.
    """
    device, machine = device_of(recipe), wheel_order(recipe).target.machine
    if device is None:
        return []
    kind = "aarch64" if device.instruction_set.startswith(_ARM) else "x86_64"
    if kind == machine:
        return []
    said = f"bundle.device {device.name} is of the kind {kind}, the wheels are for {machine}"
    return [f"{said}: set bundle.target.machine to {kind}"]
