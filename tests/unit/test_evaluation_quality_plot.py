"""The picture of quality over size: whatever files there are, always a whole picture."""

import io

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sfta.evaluation.quality_plot import QualityPoint, quality_picture

POINTS = [
    QualityPoint("F16", 270.9, 0.46, [0.38, 0.53], 31.0),
    QualityPoint("Q8_0", 144.8, 0.45, [0.38, 0.53], 58.2, chosen=True),
    QualityPoint("Q4_0", 92.0, 0.36, [0.28, 0.44], 80.0, marked=True),
]


def pixels(png):
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_the_picture_is_wide_enough_for_its_list():
    image = pixels(quality_picture(POINTS, "Overall F1", "a machine"))
    assert image.width > 1000
    assert image.height > 600
    # The list stands to the right of the axes and is not cut.
    edge = image.crop((image.width - 4, 0, image.width, image.height))
    assert edge.getextrema() == ((255, 255),) * 3


def test_the_order_of_the_files_and_the_settings_of_the_machine_do_not_matter():
    first = quality_picture(POINTS, "Overall F1")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10}):
        assert quality_picture(POINTS[::-1], "Overall F1") == first
    assert b"Software" not in first
    assert b"matplotlib" not in first


@pytest.mark.parametrize(
    "changed",
    [
        QualityPoint("Q4_0", 92.0, 0.40, [0.28, 0.44], 80.0, marked=True),
        QualityPoint("Q4_0", 60.0, 0.36, [0.28, 0.44], 80.0, marked=True),
        QualityPoint("Q4_0", 92.0, 0.36, [0.20, 0.44], 80.0, marked=True),
        QualityPoint("Q4_0", 92.0, 0.36, [0.28, 0.44], 20.0, marked=True),
        QualityPoint("Q4_0", 92.0, 0.36, [0.28, 0.44], 80.0),
        QualityPoint("Q4_1", 92.0, 0.36, [0.28, 0.44], 80.0, marked=True),
    ],
)
def test_size_quality_interval_speed_loss_and_name_are_all_seen(changed):
    assert quality_picture([*POINTS[:2], changed], "F1") != quality_picture(POINTS, "F1")


def test_speeds_and_intervals_may_be_missing():
    bare = [QualityPoint("F16", 270.9, 0.46), QualityPoint("Q4_0", 92.0, 0.36)]
    assert pixels(quality_picture(bare, "Overall F1")).width > 1000
    assert pixels(quality_picture(bare[:1], "Overall F1")).width > 1000


def test_a_picture_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no file"):
        quality_picture([], "Overall F1")


def test_a_dollar_in_a_name_is_no_formula():
    named = [QualityPoint("Q$x^2$", 92.0, 0.36, None, 3.0)]
    assert quality_picture(named, "F1", "a $fast$ machine")


@given(
    st.lists(
        st.builds(
            QualityPoint,
            st.sampled_from(["Q4_0", "F16"]),
            st.floats(0.5, 1e6),
            st.floats(0, 1),
            st.none() | st.just([0.0, 1.0]),
            st.none() | st.floats(0, 1e4),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=14,
    )
)
@settings(max_examples=8, deadline=None)
def test_any_files_give_a_picture(points):
    assert pixels(quality_picture(points, "Overall F1")).getbbox()
