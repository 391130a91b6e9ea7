"""Language: made-up posts, as people write them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand.language import detect_language, language_code, language_of
from processors.understand.letters import fit_of
from tests.contracts.examples import examples

POSTS = {
    "en": [
        "My parcel never arrived and nobody answers the phone",
        "honestly the best coffee in town, thank you!",
        "why is the app down AGAIN",
    ],
    "tr": [
        "Kargom hâlâ gelmedi, müşteri hizmetleri telefonu açmıyor",
        "siparisim hala gelmedi cok kotu bir hizmet",
        "Bu kahve gerçekten çok güzel olmuş, teşekkürler",
        "İADE İÇİN İKİ HAFTADIR BEKLİYORUM",
    ],
    "nl": [
        "Mijn pakje is nog steeds niet bezorgd en niemand neemt op",
        "lekker bezig weer, de trein staat stil",
        "Wat een fijne winkel, echt een aanrader!",
    ],
    "ro": [
        "Coletul meu nu a ajuns nici azi și nimeni nu răspunde la telefon",
        "nu merge aplicatia de ieri, ce facem?",
        "bateria se descarca foarte repede, nu recomand",
        "Cea mai bună cafea din oraș, mulțumesc!",
    ],
    "de": [
        "Ich warte seit drei Wochen auf mein Paket und keiner meldet sich bei mir",
        "wieso geht die App schon wieder nicht, das ist doch nicht mehr normal",
    ],
    "es": [
        "Llevo tres horas esperando y todavía no me ha llamado nadie, qué vergüenza",
        "la app no funciona desde ayer y ustedes siguen sin decir nada",
    ],
    "fr": [
        "Je suis très déçu par ce service, personne ne nous répond depuis hier",
        "c'est quand même fou que tout soit encore en panne chez eux",
    ],
    "it": [
        "Aspetto il pacco da tre settimane e nessuno mi risponde, ma è possibile?",
        "questa app non va più da ieri, qualcuno sa perché?",
    ],
    "pt": [
        "Estou esperando há três horas e ninguém me ligou ainda, isso é uma vergonha",
        "o aplicativo não funciona desde ontem e vocês não dizem nada",
    ],
    "pl": [
        "Czekam na paczkę już trzy tygodnie i nikt się do mnie nie odzywa",
        "czemu ta aplikacja znowu nie dziala, przeciez to juz jest przesada",
    ],
    "sv": [
        "Jag har väntat på mitt paket i tre veckor och ingen svarar på mejl",
        "varfor funkar inte appen igen, det ar ju inte ens forsta gangen",
    ],
}
"""The languages whose function words settle a text, first-class or not."""


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in POSTS.items() for text in texts])
def test_short_posts_are_told_apart(lang: str, text: str) -> None:
    found, confidence = detect_language(text)
    assert found == lang
    assert 0.3 <= confidence <= 1


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("de", "Ich warte seit drei Wochen auf mein Paket und keiner meldet sich"),
        ("fr", "Je suis très déçu par ce service, personne ne répond"),
        ("es", "Llevo dos horas esperando y nadie me da una respuesta"),
        ("ru", "Посылка так и не пришла, никто не отвечает"),
        ("ar", "لم تصل الطلبية حتى الآن ولا أحد يرد على الهاتف"),
        ("ja", "荷物がまだ届いていません。電話もつながりません。"),
    ],
)
def test_other_languages_are_not_pulled_into_ours(lang: str, text: str) -> None:
    assert detect_language(text)[0] == lang


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("da", "Jeg har ventet på min pakke i tre uger og ingen svarer på telefonen"),
        ("da", "Hvorfor er toget altid forsinket om morgenen? Det er for dårligt"),
        ("sv", "Det är en av de bästa butikerna i stan, tack för hjälpen"),
        ("hr", "Čekam paket već tri tjedna i nitko se ne javlja na telefon"),
        ("cs", "Čekám na balík už tři týdny a nikdo nebere telefon"),
        ("cs", "cekam na balik uz dva tydny a nikdo neodpovida na maily"),
        ("da", "Tusind tak for hjælpen, I er de bedste"),
        ("da", "Kundeservice var flinke og løste problemet hurtigt"),
        ("hu", "ez nagyon rossz volt es nem is valaszolnak, de mar mindegy"),
        ("az", "Üç həftədir bağlamamı gözləyirəm, heç kim telefona cavab vermir"),
        ("fi", "Olen odottanut pakettia kolme viikkoa eikä kukaan vastaa puhelimeen"),
        ("ca", "Fa tres setmanes que espero el paquet i ningú no contesta el telèfon, això és una vergonya"),
        ("pl", "Czekam na paczkę od trzech tygodni i nikt nie odbiera telefonu"),
    ],
)
def test_neighbours_of_ours_that_share_its_small_words_are_left_to_the_model(lang: str, text: str) -> None:
    assert detect_language(text)[0] == lang


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("ro", "s-a rupt repede"),
        ("ro", "incarca greu bateria"),
        ("ro", "nemultumit de husa"),
        ("tr", "kargom gelmedi"),
        ("nl", "verzending duurt"),
        ("id", "barangnya rusak"),
    ],
)
def test_a_few_words_are_told_by_their_letters(lang: str, text: str) -> None:
    assert detect_language(text)[0] == lang


def test_letters_of_another_alphabet_are_left_to_the_model() -> None:
    fits = fit_of(["привет", "hello"], ["привет", "hello"])
    assert set(fits.values()) == {0.0}
    found = fit_of(["nemultumit"], ["nemultumit"])
    assert max(found, key=found.__getitem__) == "ro"
    assert fit_of(["merge", "greu"], ["merge", "greu"]) == fit_of(["greu", "merge"], ["greu", "merge"])


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("de", "Sorry, but the and of: Ich warte seit drei Wochen auf mein Paket und keiner ist da"),
        ("ru", "Третий день жду the best of the year и never again, никто не отвечает, деньги не вернули"),
    ],
)
def test_a_few_words_of_ours_do_not_settle_a_text_in_another_language(lang: str, text: str) -> None:
    assert detect_language(text)[0] == lang


def test_handles_and_links_are_not_words_of_a_language() -> None:
    text = "why is the app down again, please fix it"
    for name in ("@yağmur_ılgaz_şen", "https://örnek.example/ığdır/șț"):
        assert detect_language(f"{name} {text}")[0] == detect_language(text)[0] == "en"


def test_more_different_words_than_are_remembered_change_no_answer() -> None:
    posts = [text for texts in POSTS.values() for text in texts]
    before = list(map(detect_language, posts))
    for start in range(0, 40_000, 40):
        detect_language(" ".join(str(start + n) for n in range(40)))
    assert list(map(detect_language, posts)) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "@anna @bob_42 https://example.com/a?b=c",
        "😀😀😀🔥 !!! 12:30",
        "www.example.com #1",
        "ok",
        "'''''''''''''''''''' - - - - -",
        "\x00\x00\x00",
        "\ud800\udfff \ud83d",
    ],
)
def test_handles_links_emoji_and_noise_are_no_evidence(text: str) -> None:
    assert detect_language(text) == (None, 0.0)


def test_a_link_or_a_handle_does_not_change_the_answer() -> None:
    bare = "siparişim yine gelmedi"
    dressed = "@destek_hatti siparişim yine gelmedi https://the-english-words.example/are/not/the/post 😡😡"
    assert detect_language(dressed) == detect_language(bare)


def test_a_word_said_twenty_times_is_said_once() -> None:
    assert detect_language("berbat " * 20) == detect_language("berbat")


def test_a_five_megabyte_text_is_judged_by_its_beginning() -> None:
    start = "Mijn pakje is nog steeds niet bezorgd en niemand neemt op. " * 5
    assert detect_language(start + "x" * 5_000_000)[0] == "nl"


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("EN-gb", "en"),
        ("pt_BR", "pt"),
        ("tur", "tr"),
        ("dut", "nl"),
        ("in", "id"),
        ("iw", "he"),
        ("nb-NO", "no"),
        ("und", None),
        ("zxx", None),
        ("qme", None),
        ("", None),
        (None, None),
        ("English", None),
        ("12", None),
        ("é" * 5_000_000, None),
    ],
)
def test_a_tag_from_a_network_is_read_or_refused(tag: str | None, code: str | None) -> None:
    assert language_code(tag) == code


@pytest.mark.slow("takes in many mentions")
@settings(max_examples=examples(75), deadline=None)
@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_gets_an_answer_that_is_its_own(texts: list[str]) -> None:
    together = list(map(detect_language, texts))
    assert together == [detect_language(text) for text in texts]
    for lang, confidence in together:
        assert (lang is None) == (confidence == 0.0)
        assert 0.0 <= confidence <= 1.0
        assert lang is None or len(lang) == 2


@pytest.mark.live
def test_nothing_is_read_on_import_and_nothing_is_fetched_or_written_afterwards() -> None:
    program = """
import os, sys
import processors.understand.language as language
assert "fasttext" not in sys.modules, "read on import"
seen = []
def watch(event, args):
    if event.startswith("socket."):
        seen.append(event)
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(str(args[0]))
sys.dont_write_bytecode = True
sys.addaudithook(watch)
assert language.detect_language("the train is late again")[0] == "en"
assert not seen, seen
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_polish_and_swedish_are_settled_by_words_and_letters_that_their_neighbours_have_not() -> None:
    """Croatian, Czech and Slovak share Polish small words, and own ones outweigh what a network says. "så" is not the
    Romanian "să".
    """
    assert language_of("to jest i na to, od do za po co ja ty", "hr") == "hr"
    assert language_of("Appen funkar inte och jag är så arg, tre timmar i kö", "en") == "sv"
    assert language_of("to juz jest przesada, czemu nikt sie nie odzywa przez tydzien", "en") == "pl"


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("pl", "Świeża ryba łosoś żółty śledź"),
        ("sv", "Jag vet inget om det"),
        ("sv", "Underbart god mat och fin utsikt!"),
    ],
)
def test_polish_and_swedish_are_told_by_their_letters(lang: str, text: str) -> None:
    assert detect_language(text)[0] == lang
