"""Trigger terms: which posts must trigger, and which must not wake anybody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand.language import SCORED
from processors.understand.triggers import (
    CATEGORIES,
    MAX_CHARS,
    trigger_categories,
    trigger_terms,
    triggers_of_folded,
)
from tests.contracts.examples import examples
from tocsin.query.fold import fold


@pytest.mark.parametrize(
    ("category", "text"),
    [
        ("safety", "My new phone CAUGHT FIRE on the night table"),
        ("safety", "Three of us have food-poisoning after lunch at Marlow's"),
        ("safety", "Yoğurttan sonra ailece gıda zehirlenmesi geçirdik"),
        ("safety", "yemekten sonra hastaneye kaldirildik"),
        ("safety", "Mijn oplader is vannacht ontploft!!"),
        ("safety", "de stekker vloog in brand"),
        ("safety", "Telefonul a luat foc în timp ce se încărca"),
        ("safety", "toxiinfectie alimentara la gradinita"),
        ("regulator", "Class-action lawsuit filed against Brightwater"),
        ("regulator", "Bakanlık Brightwater hakkında soruşturma başlattı"),
        ("regulator", "ACM legt Brightwater boete op"),
        ("regulator", "ANPC a dat o amendă, iar clienții au făcut plângere penală"),
        ("violence", "There was a bomb threat at the mall"),
        ("violence", "mağazada bir çalışan bıçaklandı"),
        ("violence", "Medewerker van de winkel neergestoken"),
        ("violence", "amenintare cu bomba la aeroport"),
        ("data_breach", "So there was a #databreach and nobody told us"),
        ("data_breach", "my account has been hacked"),
        ("data_breach", "Brightwater'da VERİ SIZINTISI iddiası"),
        ("data_breach", "Groot datalek bij Brightwater"),
        ("data_breach", "Scurgere de date la Brightwater"),
        ("safety", "Huge explosion at the Brightwater plant"),
        ("safety", "Brightwater train has derailed near the river"),
        ("safety", "a derailment, again"),
        ("safety", "Brightwater fabrikasında patlama meydana geldi"),
        ("safety", "patlamada üç işçi yaralandı"),
        ("safety", "az önce Brightwater deposundan patlama duyduk"),
        ("safety", "Brightwater binasında patlama"),
        ("safety", "tüp bomba gibi patladı"),
        ("safety", "şarjda pili patladı"),
        ("safety", "trenin vagonları raydan çıktı"),
        ("safety", "Zware explosies bij de fabriek van Brightwater"),
        ("safety", "ontploffing in het magazijn"),
        ("safety", "de tram naar Scheveningen is ontspoord"),
        ("safety", "Explozie la fabrica Brightwater"),
        ("safety", "mai mulți răniți în urma exploziei"),
        ("safety", "un tren de marfă a deraiat"),
        ("violence", "the bombing near the finish line"),
        ("violence", "There was a shooting at the airport"),
        ("violence", "Shooting in the mall, two wounded"),
        ("violence", "mağazanın önünde bombalı saldırı"),
        ("violence", "mağazadan silah sesleri geliyor"),
        ("violence", "Schietpartijen en een bomaanslag bij het filiaal"),
        ("violence", "man opende het vuur in de winkel"),
        ("violence", "un client a fost împușcat în magazin"),
        ("violence", "atentat cu bombă la sediu"),
        ("safety", "Telefon wybuchł mi w kieszeni!!"),
        ("regulator", "spotkamy sie w sadzie, oszuści"),
        ("violence", "Alarm bombowy w galerii handlowej"),
        ("safety", "hittade en metallbit i brödet"),
        ("safety", "mobilen började brinna på natten"),
        ("regulator", "Åklagaren väcker åtal mot Brightwater"),
        ("safety", "found glass in my soup at Marlow's"),
        ("safety", "The charger exploded while I was out"),
        ("safety", "konserveden cam cikti"),
        ("safety", "ürünler toplatıldı, pili şarjda patladı"),
        ("safety", "er zat een stukje metaal in mijn brood"),
        ("safety", "de accu vloog in de fik"),
        ("safety", "accu van de fiets staat ineens in brand"),
        ("safety", "ne-am intoxicat cu totii dupa masa"),
        ("safety", "bucata de metal in paine"),
        ("regulator", "See you in court, Brightwater"),
        ("regulator", "Sizi mahkemeye vereceğim"),
        ("regulator", "dava acacagim, avukatım ihtarname çekti"),
        ("regulator", "Ik sleep Brightwater voor de rechter"),
        ("regulator", "ne vedem in instanta"),
        ("violence", "a man pulled a knife in the shop"),
        ("violence", "güvenlik görevlisi bıçak çekti"),
        ("violence", "man met mes in de winkel"),
        ("violence", "a fost amenintat cu cutitul la casa"),
        ("data_breach", "somebody hacked my account"),
        ("data_breach", "hesabimi calmislar"),
        ("data_breach", "Verilerimiz sızmış"),
        ("data_breach", "onze gegevens liggen op straat"),
        ("data_breach", "mi-au spart contul"),
        ("executive", "Brightwater'ın CEO'su taciz iddiasıyla gündemde"),
        ("executive", "topman moet opstappen"),
        ("executive", "seful companiei a fost arestat"),
        ("executive", "Brightwater CEO Jane Doe resigns after the report"),
        ("executive", "Brightwater CEO'su istifa etti"),
        ("executive", "Topman van Brightwater stapt op"),
        ("executive", "Directorul general a fost arestat azi; directorul a fost arestat"),
    ],
)
def test_a_term_is_heard_in_its_language_however_it_is_typed(category: str, text: str) -> None:
    assert category in trigger_categories(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I recall the first time I came here, the fire place was on",
        "Great photo shooting at the brand event",
        "We are shooting a new advert today, shooting starts at nine",
        "satışlarda patlama, büyük patlama teorisi",
        "mağazada indirim patlaması var, tüp çikolata aldım, kahkahayı patlattı",
        "De discussie is ontspoord",
        "o ofertă explozivă, explozie de culoare",
        "What a killer offer, this phone is the bomb",
        "Our brand in brand new colours",
        "The CEO was on stage. " + "x" * 60 + " She resigned from nothing",
        "unhackedwords and lawsuitcase",
        "Bu fiyat harika, çok memnun kaldım",
        "Lekker gewerkt vandaag, dikke aanrader",
        "Bateria a murit după două zile, dar o schimb",
        "resigned to waiting for the CEO",
        "tennis courts are open and the court shoes are on offer",
        "what a life hack, you hacked my brain, and what a steal",
        "She recalled the time when glass was cheap",
        "the boss level is hard, the chairman smiled",
        "kutudan hediye çıktı, davamıza inanıyoruz",
        "kurt köpeği maması indirimde, koltukta sızdım",
        "een glas wijn bij het eten, schot in de roos",
        "Accu-Test is my favourite brand of meters",
        "Neyse ki bizde yaralanan yok",
        "boete gekregen voor te hard rijden, ik lig op straat van het lachen",
        "o sticla de vin la mancare, am retras bani de la bancomat",
        "brygga på glas i fönstret, min brors bil är bäst",
        "prawdziwa bomba, wybuch śmiechu na sali",
        "mina barn älskar det, rätt och rimligt",
        "cont nou, parola noua, gandacul de colorado in gradina",
    ],
)
def test_everyday_words_are_left_alone(text: str) -> None:
    assert trigger_categories(text) == ()


def test_categories_come_in_one_order() -> None:
    text = "CEO arrested after data breach, lawsuit follows, bomb threat, people injured"
    assert trigger_categories(text) == CATEGORIES


def test_only_so_much_of_a_text_is_read() -> None:
    assert trigger_categories("x " * (MAX_CHARS // 2) + "data breach") == ()
    assert trigger_categories("data breach " + "\x00" * 5_000_000) == ("data_breach",)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(), st.sampled_from(["lawsuit", "datalek", "veri sızıntısı", "scurgere de date"]))
def test_any_surroundings_are_survived(noise: str, term: str) -> None:
    found = trigger_categories(f"{noise[:50]} , {term} , {noise}")
    assert found
    assert set(found) <= set(CATEGORIES)


def test_the_lexicon_is_well_formed() -> None:
    terms = trigger_terms()
    assert tuple(terms) == CATEGORIES
    for category, by_language in terms.items():
        assert set(by_language) == set(SCORED), category
        for lang, written in by_language.items():
            assert len(written) == len(set(written)), f"{category}.{lang} says a term twice"
            for term in written:
                pieces = [piece.strip() for piece in term.split("~")]
                assert 1 <= len(pieces) <= 2, term
                for piece in pieces:
                    assert len(piece.removesuffix("*")) >= 2, term
                    assert "*" not in piece.removesuffix("*"), term
                assert len(term.replace("*", "").replace("~", "")) >= 5, (
                    f"{term!r} is too short to be precise"
                )


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("Une explosion de saveurs en bouche", ()),
        ("l'explosion des prix de l'énergie", ()),
        ("Explosion im Mund, so gut war die Chili", ()),
        ("Zwiebeln fein gehackt dazugeben", ()),
        ("an explosion of flavour", ()),
        ("an explosion of flavour, and then an explosion in the kitchen", ("safety",)),
        ("Explosion in der Fabrik, mehrere Verletzte", ("safety",)),
        ("mein Konto wurde gehackt", ("data_breach",)),
        ("Salmonellen in der Wurst, dringender Rückruf", ("safety",)),
        ("nos vemos en los tribunales", ("regulator",)),
        ("une fuite de données chez eux", ("data_breach",)),
        ("ho trovato pezzi di vetro nella pasta", ("safety",)),
        ("tiroteio no shopping agora", ("violence",)),
        ("تسريب بيانات العملاء", ("data_breach",)),
    ],
)
def test_six_more_languages_are_heard_and_harmless_phrases_are_not(
    text: str, categories: tuple[str, ...]
) -> None:
    assert trigger_categories(text) == categories


def test_every_term_is_found_where_it_stands() -> None:
    for category, by_language in trigger_terms().items():
        for written in by_language.values():
            for term in written:
                text = term.replace("*", "").replace("~", "and then")
                assert category in trigger_categories(f"Heard today: {text}, they say"), term


_TERMS = ["lawsuit", "data", "breach", "ceo", "resigned", "datalek", "caught fire", "\n", "-", "un", "hacked"]


@pytest.mark.slow("many random texts")
@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(_TERMS) | st.text(max_size=5), max_size=6).map(" ".join), max_size=8)
)
def test_texts_looked_through_together_say_what_each_says_alone(texts: list[str]) -> None:
    assert triggers_of_folded(list(map(fold, texts))) == list(map(trigger_categories, texts))


def test_a_term_is_not_met_across_two_texts_or_lost_among_many() -> None:
    assert triggers_of_folded(["our data", "breach of trust"]) == [(), ()]
    many = ["nothing here, move on please"] * 2_000
    many[1_234] = "a data-breach at last"
    assert [n for n, found in enumerate(triggers_of_folded(many)) if found] == [1_234]
