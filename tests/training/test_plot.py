"""The picture of reliability is that of the cards."""

from __future__ import annotations

from xml.etree import ElementTree

from training.plot import PICTURE, cards, picture

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_in_the_documentation_is_drawn_from_the_cards_of_the_package() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(cards()), "python -m training.plot draws it anew"


def test_a_panel_has_a_dot_a_step_as_high_as_labels_were_right() -> None:
    steps = [
        {"share": 0.4, "confidence": 0.5, "right": 0.0, "posts": 20},
        {"share": 0.9, "confidence": 0.9, "right": 1.0, "posts": 80},
    ]
    # The XML is our own.
    drawn = ElementTree.fromstring(picture({"nl": {"held_out": 100, "reliability": steps}}))
    low, high = drawn.iter(f"{SVG}circle")
    assert float(low.attrib["cy"]) > float(high.attrib["cy"])
    assert float(low.attrib["cx"]) < float(high.attrib["cx"])
    assert (
        4 * float(low.attrib["r"]) ** 2 > 0.9 * float(high.attrib["r"]) ** 2
    )  # the area is that of the posts
    title = high.find(f"{SVG}title")
    assert title is not None and title.text == "80 posts: confidence 90%, right 100%"
