"""The linear models: their features, their artefacts, and what they make of plain sentences in four languages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processors.understand import features, linear
from processors.understand.features import MAX_TOKENS, Reader, are_negated, cleaned, tokens_of
from processors.understand.lexicon import Lexicon, lexicon_of, read
from processors.understand.linear import (
    FOLDER,
    STEPS,
    LinearModel,
    LinearScorer,
    confidence_step,
    load_model,
    shipped,
    shipped_languages,
)
from processors.understand.sentiment import UNSCORED
from tocsin.core.errors import TocsinError
from tocsin.query.fold import fold

FIRST_CLASS = ("en", "nl", "ro", "tr")


def kinds(text: str, lexicon: Lexicon) -> list[tuple[int, bool]]:
    reader = Reader(lexicon)
    ids, _ = reader.read([text])
    found = np.array([reader.known[place].kind for place in ids])
    return list(zip(found.tolist(), are_negated(found).tolist(), strict=True))


def test_there_is_a_model_for_each_first_class_language() -> None:
    assert set(FIRST_CLASS) <= set(shipped_languages())


@pytest.mark.parametrize(
    ("language", "text", "label"),
    [
        ("en", "Worst airline ever, they lost my bag and lied about it", "negative"),
        ("en", "I love this place, wonderful people!", "positive"),
        ("tr", "berbat bir hizmet, üç gündür kargomu bekliyorum, rezalet", "negative"),
        ("tr", "harika bir ürün, çok memnun kaldım, teşekkürler", "positive"),
        ("nl", "wat een waardeloze klantenservice, al drie dagen geen antwoord", "negative"),
        ("nl", "super snel geleverd en heel blij met het resultaat, top!", "positive"),
        ("ro", "cea mai proasta experienta, nu recomand nimanui, bataie de joc", "negative"),
        ("ro", "foarte mulțumită, produsul e excelent, recomand cu drag", "positive"),
        ("tr", "Telefonum alev aldı", "negative"),
        ("nl", "De keukenmachine vatte vlam", "negative"),
        ("ro", "mașina de spălat a luat foc, au venit pompierii", "negative"),
        ("tr", "Maaşlarımız üç aydır yatmıyor", "negative"),
        ("tr", "hesabımdan haberim olmadan para çekilmiş, banka oralı değil", "negative"),
        ("nl", "geweigerd met mijn rolstoel", "negative"),
        ("nl", "fabriek loost gif in de rivier, dode vissen overal", "negative"),
        ("ro", "nu ne-au mai platit salariile de doua luni", "negative"),
        ("ro", "fabrica arunca otrava in rau si mor pestii", "negative"),
    ],
)
def test_plain_sentences_are_labelled_as_people_would(language: str, text: str, label: str) -> None:
    (sentiment,) = LinearScorer(language).score([text])
    assert sentiment.label == label


def test_links_and_handles_carry_no_sentiment() -> None:
    assert cleaned("see https://example.com/great/love now @happy_shop") == "see   now  @ "
    scorer = LinearScorer("en")
    said = scorer.shares(["my parcel came http://t.co/terrible", "my parcel came http://t.co/lovely"])
    assert said[0].tolist() == said[1].tolist()


def test_a_hashtag_brings_itself_and_its_words() -> None:
    assert cleaned("#NeverAgain").split() == ["#NeverAgain", "Never", "Again"]
    assert cleaned("#bir_daha_asla").split() == ["#bir_daha_asla", "bir", "daha", "asla"]


def test_a_negator_reaches_to_the_end_of_the_clause_and_no_further_than_four_words() -> None:
    lexicon = Lexicon(negators={"not": "after"})
    near = [negated for _, negated in kinds("not a very good day at all", lexicon)]
    assert near == [False, False, True, True, True, True, False, False]
    cut = [negated for _, negated in kinds("not bad, really good", lexicon)]
    assert cut == [False, False, True, False, False, False]


def test_a_negator_behind_reaches_back_to_the_beginning_of_the_clause() -> None:
    lexicon = Lexicon(negators={"degil": "before"})
    back = [negated for _, negated in kinds("kargo geldi, hic iyi degil yani", lexicon)]
    assert back == [False, False, False, False, True, True, False, False]


def test_a_negator_of_the_text_before_does_not_reach_over() -> None:
    scorer = LinearScorer("en")
    alone = scorer.shares(["good"])[0].tolist()
    assert scorer.shares(["this is not", "good"])[1].tolist() == alone


def test_without_their_own_letters_words_are_the_same() -> None:
    scorer = LinearScorer("tr")
    with_letters, without = scorer.shares(["çok kötü bir şirket", "cok kotu bir sirket"])
    assert with_letters.tolist() == without.tolist()


def test_a_flood_is_read_up_to_its_bounds() -> None:
    ids, _ = Reader(Lexicon()).read(["😡 " * 5_000, "a b " * 50_000])
    assert len(ids) <= 2 * (MAX_TOKENS + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " _ __ \u2028 ",
        "_ a_b __c " * 200,
        "so good!!!!! :-) xD xDe 8D #NeverAgain, @shop: 12:30 don't... <3",
        "neeeeeee  looooool !!!!!! 😡😡😡😡😡 \u00a0 çok\u3000güzel\x1cdeğil",
        "a&amp;b www.example.com/x,y it's.so_so ٣٤ 中文字 naïve²",
    ],
)
def test_a_text_that_is_read_by_its_pieces_has_the_tokens_of_the_whole(text: str) -> None:
    reader = Reader(Lexicon())
    # The second time all pieces are known.
    for _ in range(2):
        ids, starts = reader.read(["one", text])
        assert ids[starts[1] + 1 :].tolist() == [reader._place_of(token) for token in tokens_of(text)]


def test_more_words_than_are_remembered_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_MOST_KEPT", 50)
    scorer = LinearScorer("nl")
    before = scorer.score(["wat een drama bij de klantenservice"])
    for number in range(0, 600, 20):
        scorer.score([" ".join(f"woord{letter}{number}" for letter in "abcdefghij")])
    assert scorer.score(["wat een drama bij de klantenservice"]) == before


def test_a_word_may_turn_both_sides_of_its_clause_around() -> None:
    lexicon = read("negate_both\tnicht\t1\n")
    assert lexicon.negates("nicht") == "both"
    marked = [negated for _, negated in kinds("Sehr schön, das gefällt mir nicht so gut. Danke", lexicon)]
    assert marked == [False, False, False, False, True, True, True, False, True, True, False, False]


def test_a_stem_stands_for_what_begins_with_it_and_a_suffix_may_turn_it() -> None:
    lexicon = read(
        "valence\trezil*\t-3\nvalence\tiyi\t2\nvalence\tmutlu*\t3\nnegate\tdeğil\t-0.7\nnegate_suffix\tsuz$\t-0.7\n"
    )
    assert lexicon.valence("rezillik") == -3
    assert lexicon.valence("iyi") == 2
    assert lexicon.valence("iyilesti") == 0
    assert lexicon.valence("mutlusuz") == pytest.approx(-2.1)
    assert lexicon.negates("degil") == "after" and lexicon.negates("iyi") == ""


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    (
        ("ar", "ممتاز", "سيء"),
        ("de", "großartig", "Abzocke"),
        ("es", "excelente", "estafa"),
        ("fr", "génial", "arnaque"),
        ("it", "ottimo", "truffa"),
        ("nl", "geweldig", "waardeloos"),
        ("pl", "świetny", "oszustwo"),
        ("pt", "ótimo", "golpe"),
        ("ro", "excelent", "dezastru"),
        ("sv", "jättebra", "bedrägeri"),
        ("tr", "harika", "rezalet"),
    ),
)
def test_our_lexicons_know_words_of_praise_and_of_complaint(language: str, good: str, bad: str) -> None:
    good, bad = fold(good), fold(bad)
    assert lexicon_of(language).valence(good) > 1
    assert lexicon_of(language).valence(bad) < -1


COMPLAINED_AND_PRAISED = {
    "ar": (
        "أسوأ خدمة عملاء، ما أحد يرد علي من أسبوع",
        "شكرا لكم، خدمة ممتازة وسريعة",
        "الحفل يبدأ الساعة 8 مساء",
    ),
    "de": (
        "Seit drei Wochen kein Paket und niemand geht ans Telefon, unverschämt",
        "Super nettes Personal, wir kommen gerne wieder",
        "Das Konzert beginnt um 20 Uhr",
    ),
    "es": (
        "Pésimo servicio, llevo dos semanas esperando y nadie contesta",
        "Qué maravilla de hotel, gracias a todo el equipo",
        "El concierto empieza a las 20 horas",
    ),
    "fr": (
        "Service client nul, trois semaines sans réponse, j'en ai marre",
        "Merci à toute l'équipe, accueil génial et très rapide",
        "Le concert commence à 20 heures",
    ),
    "it": (
        "Servizio pessimo, aspetto da tre settimane e nessuno risponde",
        "Che meraviglia, grazie a tutto lo staff, gentilissimi",
        "Il concerto inizia alle 20",
    ),
    "pt": (
        "Péssimo atendimento, três semanas esperando e ninguém responde",
        "Que maravilha, obrigado a toda a equipe, atendimento ótimo",
        "O show começa às 20 horas",
    ),
    "pl": (
        "Tragiczna obsługa, trzy tygodnie czekam na paczkę i nikt nie odbiera, jestem wściekła",
        "Cudowne miejsce, dziękuję całej ekipie, wszystko świetne",
        "Koncert zaczyna się o 20",
    ),
    "sv": (
        "Urusel service, har väntat i tre veckor och ingen svarar, jag är så jävla arg",
        "Vilket underbart hotell, tack till hela personalen, så glad",
        "Konserten börjar klockan 20",
    ),
}


@pytest.mark.parametrize("language", COMPLAINED_AND_PRAISED)
def test_a_further_language_has_labels_a_confidence_and_facets(language: str) -> None:
    read_of = LinearScorer(language).read(COMPLAINED_AND_PRAISED[language])
    assert [sentiment.label for sentiment, _ in read_of] == ["negative", "positive", "neutral"]
    assert all(sentiment.confidence > 0.33 for sentiment, _ in read_of)
    (_, complained), (_, praised), (_, told) = read_of
    assert "anger" in complained.emotion and "joy" in praised.emotion and praised.intent == ("praise",)
    assert not {"anger", "joy"} & set(told.emotion) and not told.harm


@pytest.mark.parametrize(
    ("language", "text"),
    (
        ("ar", "ما عجبني"),
        ("de", "Die App funktioniert nicht"),
        ("de", "Das gefällt mir nicht"),
        ("es", "no me gusta nada"),
        ("fr", "J'aime pas du tout cette appli"),
        ("it", "non mi piace per niente"),
        ("pl", "nie podoba mi się to wcale"),
        ("pt", "não gostei"),
        ("sv", "Appen funkar inte"),
        ("sv", "jag gillar inte det här"),
    ),
)
def test_a_negated_good_word_is_bad_before_and_behind_its_negator(language: str, text: str) -> None:
    assert LinearScorer(language).score([text])[0].label == "negative"


@pytest.mark.parametrize("language", ("en", "nl", "ro", "tr"))
def test_a_post_of_emoji_alone_and_a_question_with_angry_ones_say_what_they_say(language: str) -> None:
    asks = {
        "en": "where is my order",
        "nl": "waar blijft mijn pakje",
        "ro": "unde e comanda mea",
        "tr": "kargom nerede",
    }
    texts = ["😡😡😡", "🤬", "👎🏽", "😍", "👏👏", f"{asks[language]} 😡😡"]
    labels = [one.label for one in LinearScorer(language).score(texts)]
    assert labels == ["negative", "negative", "negative", "positive", "positive", "negative"]


@pytest.fixture
def small() -> LinearModel:
    """A model that knows nothing."""
    weights = np.zeros((features.BUCKETS, 3), dtype=np.int16)
    return LinearModel("nl", "1", weights, np.ones(3), np.zeros(3), np.full(STEPS, 0.5), 0.4)


def test_equal_models_give_equal_bytes_and_come_back_the_same(small: LinearModel, tmp_path: Path) -> None:
    small.save(tmp_path / "a.npz")
    small.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = load_model(tmp_path / "a.npz")
    assert (back.language, back.version, back.abstains_below) == ("nl", "1", 0.4)
    assert (back.weights == small.weights).all() and (back.confidence == small.confidence).all()


@pytest.mark.parametrize("harm", ("missing", "cut", "garbage", "other"))
def test_a_damaged_model_is_an_error_that_says_what_to_do(
    small: LinearModel, tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "m.npz"
    if harm != "missing":
        small.save(path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:300])
    if harm == "garbage":
        path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(TocsinError, match=r"cannot be read.*reinstall"):
        load_model(path, "0" * 64 if harm == "other" else None)


def test_a_pickle_in_a_model_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with path.open("wb") as file:
        np.savez(file, weights=np.array([object()], dtype=object))
    with pytest.raises(TocsinError, match="cannot be read"):
        load_model(path)


def test_a_model_without_its_card_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "FOLDER", tmp_path)
    with pytest.raises(TocsinError, match=r"card sentiment-xx\.json .*reinstall"):
        shipped("xx")


def test_an_unsure_text_is_unscored_and_not_neutral(small: LinearModel) -> None:
    assert LinearScorer("nl", small).score(["de winkel opent om negen uur"])[0].label == "negative"
    unsure = replace(small, confidence=np.full(STEPS, 0.39))
    assert LinearScorer("nl", unsure).score(["de winkel opent om negen uur"]) == [UNSCORED]


def test_confidence_never_falls_as_the_highest_share_grows() -> None:
    assert confidence_step(np.array([1 / 3, 0.5, 1.0])).tolist() == [0, 5, STEPS - 1]
    for language in shipped_languages():
        confidence = shipped(language).confidence
        assert (np.diff(confidence) >= 0).all() and confidence[0] > 0 and confidence[-1] <= 1


@pytest.mark.parametrize("language", FIRST_CLASS)
def test_the_card_says_what_a_model_is_made_of_and_how_sure_it_is(language: str) -> None:
    card = json.loads((FOLDER / f"sentiment-{language}.json").read_text(encoding="utf-8"))
    assert card["model"] == LinearScorer(language).model
    assert card["learnt_from"][0] == "training/corpus"
    assert "Apache-2.0" in card["licence"]
    assert card["expected_calibration_error"] < 0.05
    assert len(card["reliability"]) > 3 and len(card["risk_coverage"]) > 3


def test_all_models_together_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) < 30_000_000
