"""Labels beside boxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.label_placement import Placement, Rectangle, place_labels

AREA = Rectangle(0, 0, 300, 200)


def overlap(first: Rectangle, second: Rectangle) -> bool:
    return (
        first.left < second.right
        and second.left < first.right
        and first.top < second.bottom
        and second.top < first.bottom
    )


def test_a_label_touches_its_box_and_is_centered_above_or_below_it():
    (placement,) = place_labels([Rectangle(100, 80, 140, 120)], [(40, 15)], AREA)
    assert placement == Placement(Rectangle(100, 65, 140, 80), False)


def test_a_label_is_inside_the_area_also_for_a_box_in_the_corner():
    (placement,) = place_labels([Rectangle(0, 0, 10, 10)], [(50, 15)], AREA)
    assert placement is not None
    assert not placement.apart
    assert placement.label.left >= 0
    assert placement.label.top >= 0
    assert not overlap(placement.label, Rectangle(0, 0, 10, 10))


def test_a_label_covers_no_other_box_where_there_is_room():
    boxes = [Rectangle(100, 80, 140, 120), Rectangle(100, 60, 140, 78)]
    placements = place_labels(boxes, [(40, 15), (40, 15)], AREA)
    assert not any(overlap(placement.label, box) for placement in placements if placement for box in boxes)


def test_a_label_that_cannot_touch_its_box_is_apart():
    box = Rectangle(100, 80, 140, 120)
    placements = place_labels([box] * 12, [(40, 15)] * 12, AREA)
    assert {placement.apart for placement in placements if placement} == {False, True}


def test_a_label_as_wide_and_as_high_as_the_room_beside_its_box_is_placed():
    for label in (Rectangle(0, 0, 60, 15), Rectangle(0, 30, 60, 45)):
        area = Rectangle(0, label.top, 60, label.bottom)
        (placement,) = place_labels([Rectangle(0, 15, 60, 30)], [(60, 15)], area)
        assert placement == Placement(label, False)


def test_there_is_no_label_where_it_does_not_fit():
    assert place_labels([Rectangle(0, 0, 10, 10)], [(301, 15)], AREA) == [None]
    assert place_labels([Rectangle(0, 0, 10, 10)] * 2, [(20, 10)] * 2, Rectangle(0, 0, 25, 15))[1] is None


BOXES = st.builds(
    lambda left, top, width, height: Rectangle(left, top, left + width, top + height),
    st.integers(0, 280), st.integers(0, 180), st.integers(1, 60), st.integers(1, 60),
)  # fmt: skip


@given(st.lists(st.tuples(BOXES, st.tuples(st.integers(5, 90), st.integers(8, 20))), max_size=25))
def test_labels_overlap_no_other_label_and_are_inside_the_area(labeled):
    placements = place_labels([box for box, _ in labeled], [size for _, size in labeled], AREA)
    labels = [placement.label for placement in placements if placement]
    for index, label in enumerate(labels):
        assert AREA.left <= label.left < label.right <= AREA.right
        assert AREA.top <= label.top < label.bottom <= AREA.bottom
        assert not any(overlap(label, other) for other in labels[:index])
    for placement, (box, size) in zip(placements, labeled, strict=True):
        if placement:
            label = placement.label
            assert (label.right - label.left, label.bottom - label.top) == size
            distance = max(
                label.left - box.right, box.left - label.right, label.top - box.bottom, box.top - label.bottom
            )
            assert placement.apart == (distance > 2)


def test_without_boxes_there_are_no_labels():
    assert place_labels([], [], AREA) == []
