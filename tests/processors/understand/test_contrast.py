"""The label toward a brand in a text that names another one, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processors.understand import AboutBrand, Understander, default_scorers
from processors.understand.artefacts import FOLDER
from processors.understand.brand import Brand, BrandModel
from processors.understand.comparisons import templates
from processors.understand.contrast import NUMBERS, logits_of, numbers_of, read_contrast, shipped_contrast
from processors.understand.language import SCORED
from processors.understand.sentiment import Sentiment
from processors.understand.target import MAX_CHARS, Pieces, asked_of, pieces_of
from tocsin.core.errors import TocsinError
from tocsin.query.fold import fold

OWN = Brand(names=("lumo",), rivals=("hizligo",))
OTHER = Brand(names=("hizligo",), rivals=("lumo",))


def toward(language: str, text: str, brand: Brand = OWN) -> str:
    understander = Understander(default_scorers())
    ((_, sentiment),) = understander.sentiments([text], [language])
    (found,) = understander.toward([AboutBrand(text, language, sentiment.label, brand)])
    return found.label if found else sentiment.label


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "en",
            "Lumo answered within a minute, lovely people. Hizligo left me waiting for three weeks, awful",
        ),
        ("en", "my Hizligo router died again, Lumo was so much better"),
        ("tr", "Hizligo rezalet, Lumo ise harika, tavsiye ederim"),
        ("nl", "Lumo is veel beter dan Hizligo"),
        ("ro", "Hizligo e o bataie de joc, Lumo a rezolvat imediat, felicitari"),
        ("de", "Lumo ist tausendmal besser als Hizligo"),
        ("fr", "Hizligo nul, Lumo génial et très rapide"),
        ("es", "Hizligo pésimo, Lumo una maravilla de servicio"),
        ("it", "Hizligo pessimo, Lumo gentilissimi e veloci"),
        # The model has met no text in these.
        ("pt", "Hizligo péssimo, Lumo maravilhoso e rápido"),
        ("pl", "Lumo jest o niebo lepsze niż Hizligo, które mnie oszukało"),
        ("sv", "Hizligo är skräp, Lumo var supersnälla och snabba"),
        ("ar", "lumo أفضل بكثير من hizligo السيء"),
    ],
)
def test_two_brands_in_one_text_have_a_label_each(language: str, text: str) -> None:
    assert (toward(language, text), toward(language, text, OTHER)) == ("positive", "negative")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Left Hizligo for Lumo and my calls work again"),
        ("en", "Lumo > Hizligo, not even close"),
        ("en", "@lumo is so much better than @hizligo"),
        ("en", "Never again Hizligo, from now on only Lumo"),
        ("en", "unlike Hizligo, Lumo answers the phone"),
        ("tr", "Hizligo'dan Lumo'ya geçtim, çok memnunum"),
        ("tr", "Lumo Hizligo’dan kat kat iyi"),
        ("nl", "overgestapt van Hizligo naar Lumo"),
        ("ro", "Am trecut de la Hizligo la Lumo"),
        ("ar", "انتقلت من hizligo الى lumo"),
        ("de", "bin von Hizligo zu Lumo gewechselt"),
        ("es", "Me cambié a Lumo, adiós Hizligo"),
        ("fr", "J'ai quitté Hizligo pour Lumo"),
        ("it", "ho lasciato Hizligo per Lumo"),
        ("pl", "Zrezygnowałem z Hizligo, wracam do Lumo"),
        ("pt", "Larguei a Hizligo e mudei pra Lumo"),
        ("sv", "Bytte från Hizligo till Lumo"),
    ],
)
def test_what_a_text_says_in_so_many_words_counts_most(language: str, text: str) -> None:
    assert (toward(language, text), toward(language, text, OTHER)) == ("positive", "negative")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I would never say Lumo is better than Hizligo"),
        ("en", "Lumo beats Hizligo, Hizligo beats Lumo, every week another survey"),
        ("en", "Lumo opens a shop beside Hizligo"),
        # Each language has its own templates, and a language without any has none.
        ("nl", "Lumo beats Hizligo"),
        ("hu", "Lumo > Hizligo"),
    ],
)
def test_a_negator_both_ways_and_other_words_say_no_side(language: str, text: str) -> None:
    found = OWN.pieces(text, language)
    assert found is not None and found.side == 0


def test_the_templates_are_well_formed() -> None:
    assert set(templates()) == set(SCORED)
    for language, found in templates().items():
        assert len(found) == len(set(found)) > 90, language
        for template in found:
            tokens = template.split()
            assert {"A", "B"} & set(tokens), template
            assert all(tokens.count(name) <= 1 for name in ("A", "B")), template
            words = [one.removesuffix("*") for one in tokens if one not in ("A", "B", "~")]
            assert words and all(one == fold(one) and "*" not in one for one in words), template
            assert tokens[0] != "~" and tokens[-1] != "~", template


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Lumo is great, Hizligo is great too", "positive"),
        ("Lumo and Hizligo are both terrible, avoid", "negative"),
        ("Does anybody know whether Lumo or Hizligo delivers on Sunday?", "neutral"),
    ],
)
def test_brands_that_are_judged_alike_have_one_label(text: str, label: str) -> None:
    assert toward("en", text) == toward("en", text, OTHER) == label


def test_a_text_is_cut_where_its_names_stand() -> None:
    found = pieces_of("Yes: Lumo'dan çok memnunum. Hizligo > nobody?", ["lumo"], ["hizligo"])
    assert found is not None
    assert found.texts[2:] == (
        "Yes: Lumo'dan çok memnunum. Hizligo > nobody?",
        "yes: ",
        "'dan cok memnunum. ",
        " > nobody?",
    )
    first, *lengths = found.shape[:4]
    assert first == 1 and lengths == [5 / 30, 19 / 30, 10 / 30]
    greater, asks, calls, own_twice, other_twice, own_colon, other_colon, parted = found.shape[4:]
    assert (greater, asks, calls, parted) == (1, 1, 0, 1)
    assert (own_twice, other_twice, own_colon, other_colon) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "own", "others"),
    [
        ("Lumo is great", ["lumo"], ["hizligo"]),
        ("Hizligo is great", ["lumo"], ["hizligo"]),
        ("Lumo and Hizligo", [], ["hizligo"]),
        ("Lumo and Hizligo", ["lumo"], []),
        ("Lumo and Hizligo", ["lumo"], [""]),
        ("plumo and ahizligo", ["lumo"], ["hizligo"]),
        ("", ["lumo"], ["hizligo"]),
        ("Lumo" + " " * MAX_CHARS + "Hizligo", ["lumo"], ["hizligo"]),
    ],
)
def test_a_text_that_does_not_name_both_is_not_cut(text: str, own: list[str], others: list[str]) -> None:
    assert pieces_of(text, own, others) is None


def test_of_two_names_that_begin_alike_the_longer_one_is_meant() -> None:
    assert pieces_of("lumo shop closed", ["lumo"], ["lumo shop"]) is None
    found = pieces_of("lumo shop beats lumo", ["lumo"], ["lumo shop"])
    assert found is not None and found.shape[0] == -1
    # A name of both is the brand's own.
    assert pieces_of("lumo and lumo", ["lumo"], ["lumo"]) is None


def test_a_crowd_of_names_and_signs_is_survived() -> None:
    found = pieces_of("lumo:hizligo " * 500, ["lumo"], ["hizligo"])
    assert found is not None and found.shape[7:9] == (1, 1)
    assert toward("en", "LUMO\x00 HIZLIGO " * 5_000) in ("negative", "neutral", "positive")


def test_blank_pieces_are_not_asked_about_and_count_for_nothing() -> None:
    pieces = Pieces("a", ("a", "b", "a b", "", " ", "c"), (1.0,) * 12)
    assert asked_of([pieces, pieces]) == ["a", "b", "a b", "c"] * 2
    said = [
        Sentiment("positive", 5000, 9000, "x"),
        None,
        None,
        None,
        None,
        Sentiment("neutral", 0, 9000, "x"),
    ]
    numbers = numbers_of(pieces, said)
    assert len(numbers) == NUMBERS and numbers[:4] == [0.5, 0.0, 0.5, 0.0]
    assert numbers[12:17] == [0, 0, 0, 0, 1]


def test_an_answer_hangs_on_no_other_text_of_the_batch() -> None:
    texts = [
        f"Lumo {word}, Hizligo {other}" for word in ("great", "awful", "open") for other in ("late", "fine")
    ]
    understander = Understander(default_scorers())
    asked = [AboutBrand(text, "en", "neutral", OWN) for text in texts]
    together = understander.toward(asked)
    assert together == [understander.toward([one])[0] for one in asked]
    assert list(reversed(understander.toward(asked[::-1]))) == together


def test_what_corrections_taught_and_neutral_words_count_here_too() -> None:
    text = "Lumo is fine, Hizligo is fine too, by the lamp"
    taught = BrandModel(4, words={"lamp": (60.0, 0.0, 0.0), "fine": (60.0, 0.0, 0.0)})
    understander = Understander(default_scorers())
    (found,) = understander.toward(
        [AboutBrand(text, "en", "positive", Brand(names=("lumo",), rivals=("hizligo",), model=taught))]
    )
    assert found is not None and (found.label, found.how) == ("negative", "brand-4")
    game = Brand(names=("lumo",), rivals=("hizligo",), neutral=("war zone",))
    pieces = game.pieces("Lumo has War Zone, Hizligo has not", "en")
    assert pieces is not None and not any(
        "war zone" in one.casefold() for one in (pieces.about, *pieces.texts)
    )


def test_a_handle_alone_is_no_second_brand_for_the_model() -> None:
    assert OWN.pieces("@anna my lumo is dead, @bert yours?", "en") is None
    assert OWN.pieces("@hizligo my lumo is dead", "en") is not None


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "contrast.npz"
    path.write_bytes((FOLDER / "contrast.npz").read_bytes()[:-100])
    with pytest.raises(TocsinError, match=r"contrast\.npz cannot be read"):
        read_contrast(path)
    with pytest.raises(TocsinError, match=r"checksum"):
        read_contrast(FOLDER / "contrast.npz", "0" * 64)


def test_shares_add_up_to_one() -> None:
    pieces = pieces_of("lumo fine, hizligo bad", ["lumo"], ["hizligo"])
    assert pieces is not None
    said = [Sentiment("neutral", 0, 5000, "x")] * len(asked_of([pieces]))
    assert np.exp(logits_of([pieces], said)).sum() == pytest.approx(1, abs=1e-3)
    assert shipped_contrast().hidden.shape == (5, NUMBERS, 16)
