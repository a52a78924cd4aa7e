"""Settings that hold for every test."""

from hypothesis import settings

# A busy machine is no defect: a law has no time limit.
settings.register_profile("sfta", deadline=None)
settings.load_profile("sfta")
