"""A box is put around the hottest part of a map, moved with the image, and held against others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgessl.data.boxes import boxes_beside, in_crop
from edgessl.data.preprocess import Preprocess
from edgessl.diagnose.localise import box_of, iou, localise

XML = """<annotation><object><name>cell</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax>
<ymax>40</ymax></bndbox></object><object><name>none</name><bndbox><xmin>5</xmin><ymin>5</ymin>
<xmax>4</xmax><ymax>5</ymax></bndbox></object></annotation>"""


def test_the_box_holds_the_largest_connected_part_above_a_fifth_of_the_highest() -> None:
    heat = np.zeros((10, 10))
    heat[2:5, 3:7] = 0.5
    heat[8, 8] = 1.0  # hotter, but smaller
    heat[2, 7] = 0.1  # under a fifth
    assert box_of(heat) == (3.0, 2.0, 7.0, 5.0)
    assert box_of(np.zeros((4, 4))) is None


def test_iou_of_boxes_that_can_be_worked_out() -> None:
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1.0
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0


def test_maps_are_counted_against_the_boxes_of_their_image_and_a_fixed_one_beside_them() -> None:
    on, off = np.zeros((20, 20)), np.zeros((20, 20))
    on[0:8, 0:8], off[12:20, 12:20] = 1.0, 1.0
    found = localise([on, off, on], [[(0, 0, 8, 9)], [(0, 0, 8, 8)], []], "maps")
    assert found is not None
    assert (found.score.value, found.score.n) == (50.0, 2)
    assert found.pointing.value == 50.0
    assert found.centred.value == 0.0  # objects lie in a corner
    middle = localise([off], [[(5, 5, 15, 15)]], "maps")
    assert middle is not None
    assert (middle.score.value, middle.centred.value) == (0.0, 100.0)
    assert localise([on], [[]], "maps") is None


def test_boxes_move_with_the_resize_and_the_crop_and_are_cut_at_its_edge() -> None:
    preprocess = Preprocess(50, 40)  # of 200 x 100: scale 0.5, then 30 px off each side, 5 px above
    boxes = [(80.0, 30.0, 120.0, 70.0), (40.0, 0.0, 80.0, 100.0), (0.0, 0.0, 40.0, 40.0)]
    assert in_crop(boxes, (200, 100), preprocess) == (
        (10.0, 10.0, 30.0, 30.0),  # wholly inside
    )
    assert in_crop([(50.0, 0.0, 120.0, 100.0)], (200, 100), preprocess) == ((0.0, 0.0, 30.0, 40.0),)


def test_boxes_are_found_beside_images_in_vocs_layout(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/one.xml").write_text(XML)
    (tmp_path / "Annotations/two.xml").write_text("<annotation><object>")
    (found,) = boxes_beside(tmp_path / "JPEGImages/one.jpg")
    assert (found.corners, found.name) == ((10.0, 20.0, 30.0, 40.0), "cell")
    assert boxes_beside(tmp_path / "JPEGImages/two.jpg") == ()  # damaged
    assert boxes_beside(tmp_path / "JPEGImages/three.jpg") == ()


def test_boxes_are_found_beside_images_in_cubs_layout(tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("1 001.Bird/a.jpg\n2 001.Bird/b.jpg\n")
    (tmp_path / "bounding_boxes.txt").write_text("1 60.0 27.0 325.0 304.0\n2 1.0 2.0 nan 3.0\n")
    (found,) = boxes_beside(tmp_path / "images/001.Bird/a.jpg")
    assert found.corners == (60.0, 27.0, 385.0, 331.0)
    assert boxes_beside(tmp_path / "images/001.Bird/b.jpg") == ()
