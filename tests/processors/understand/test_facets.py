"""The facets of texts: what is said of plain sentences in twelve languages, and what a model's file must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processors.understand.artefacts import FOLDER
from processors.understand.facets import COLUMNS, load_facets, shipped_facets
from processors.understand.harm import harm_words, with_harm
from processors.understand.language import SCORED
from processors.understand.linear import LinearScorer
from processors.understand.phrases import PhraseSearch, written_terms
from tocsin.core.errors import TocsinError
from tocsin.core.facets import FACETS, NO_FACETS, Facets, common, counted, pairs
from tocsin.query.fold import fold


def told(language: str, text: str) -> set[tuple[str, str]]:
    ((_, facets),) = LinearScorer(language).read([text])
    return set(pairs(facets))


@pytest.mark.parametrize(
    ("language", "text", "facet", "value"),
    [
        ("en", "What time does the shop open on Sunday?", "intent", "question"),
        ("en", "I am so angry, furious, how dare they", "emotion", "anger"),
        ("en", "The app is down again, outage for hours", "crisis", "outage"),
        ("tr", "faturamı nereden indirebilirim acaba?", "intent", "question"),
        ("tr", "sinir oldum artık, bıktım bu rezaletten", "emotion", "anger"),
        ("tr", "boykot ediyoruz, bunlardan bir şey almayın", "crisis", "boycott"),
        ("nl", "Hoe laat gaat de winkel op zondag open?", "intent", "question"),
        ("nl", "ik ben woedend, wat een schande, schandalig", "emotion", "anger"),
        ("nl", "staking bij de vakbond, het personeel gaat staken", "crisis", "labour"),
        ("ro", "De unde pot descărca factura?", "intent", "question"),
        ("ro", "sunt furios, m-am săturat, ce bătaie de joc", "emotion", "anger"),
        ("ro", "boicotați firma asta, nu mai cumpărați nimic", "crisis", "boycott"),
        ("tr", "Maaşlarımız üç aydır yatmıyor", "crisis", "labour"),
        ("tr", "tekerlekli sandalyeyle içeri almadılar", "crisis", "discrimination"),
        ("nl", "iemand heeft mijn account overgenomen en van alles besteld", "crisis", "data"),
        ("nl", "geweigerd met mijn rolstoel", "crisis", "discrimination"),
        ("ro", "nu ne-au mai platit salariile de doua luni", "crisis", "labour"),
        ("ro", "fabrica arunca otrava in rau si mor pestii", "crisis", "environment"),
        ("de", "Wann macht der Laden am Sonntag auf?", "intent", "question"),
        ("de", "Die App ist schon wieder down, seit Stunden Störung", "crisis", "outage"),
        (
            "de",
            "Streik bei der Belegschaft, Gewerkschaft ruft zur Arbeitsniederlegung auf",
            "crisis",
            "labour",
        ),
        ("es", "¿A qué hora abre la tienda el domingo?", "intent", "question"),
        ("es", "No compren nada ahí, hagamos boicot a esa marca", "crisis", "boycott"),
        ("es", "filtraron los datos de los clientes", "crisis", "data"),
        ("fr", "À quelle heure ouvre le magasin dimanche ?", "intent", "question"),
        ("fr", "appel au boycott, n'achetez plus rien chez eux", "crisis", "boycott"),
        ("fr", "panne générale, plus de réseau depuis ce matin", "crisis", "outage"),
        ("it", "A che ora apre il negozio domenica?", "intent", "question"),
        ("it", "il ceo si è dimesso dopo lo scandalo", "crisis", "executive"),
        ("it", "che rabbia, sono furioso", "emotion", "anger"),
        ("pt", "Que horas abre a loja no domingo?", "intent", "question"),
        ("pt", "o sistema caiu, está tudo fora do ar", "crisis", "outage"),
        ("pt", "que raiva, estou furioso com isso", "emotion", "anger"),
        ("ar", "متى يفتح المحل يوم الأحد؟", "intent", "question"),
        ("pl", "O której otwieracie sklep w niedzielę?", "intent", "question"),
        ("pl", "awaria, aplikacja nie działa od rana", "crisis", "outage"),
        ("pl", "wyciek danych klientów, ktoś ma moje hasło", "crisis", "data"),
        ("sv", "Hur dags öppnar ni på söndag?", "intent", "question"),
        ("sv", "appen ligger nere igen, driftstörning sedan i morse", "crisis", "outage"),
        ("sv", "facket varslar om strejk på lagret", "crisis", "labour"),
        ("ar", "السيستم واقع من الصبح والتطبيق مش شغال", "crisis", "outage"),
    ],
)
def test_plain_sentences_are_read_as_people_would(language: str, text: str, facet: str, value: str) -> None:
    assert (facet, value) in told(language, text)


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("en", "You absolute idiots, give me my money back", "insult"),
        ("en", "I will burn your shop down", "violence"),
        ("tr", "şerefsizler, paramı geri verin", "insult"),
        ("nl", "stelletje idioten zijn jullie", "insult"),
        ("ro", "idioți, dați-mi banii înapoi", "insult"),
        ("de", "ihr Idioten, wo bleibt mein Geld", "insult"),
        ("es", "hijos de puta, devuélvanme el dinero", "insult"),
        ("fr", "bande de voleurs, rendez l'argent", "insult"),
        ("it", "ti ammazzo se non mi ridai i soldi", "violence"),
        ("pt", "bando de ladrões, quero meu dinheiro", "insult"),
        ("ar", "يا حرامية رجعوا فلوسي", "insult"),
        ("pl", "złodzieje i oszuści, banda idiotów", "insult"),
        ("sv", "jävla idioter, ge tillbaka pengarna", "insult"),
    ],
)
def test_words_that_harm_are_told_whatever_the_model_says(language: str, text: str, kind: str) -> None:
    assert ("harm", kind) in told(language, text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your service is a disgrace, I want my money back now"),
        ("en", "You killed it tonight, best show of the year!"),
        ("nl", "Drie weken wachten en niemand belt terug, belachelijk"),
        ("tr", "üç haftadır bekliyorum, kimse aramıyor, rezalet"),
        ("ro", "aștept de trei săptămâni și nu sună nimeni, rușine"),
        ("de", "Seit drei Wochen warte ich auf mein Paket, unmöglich"),
        ("fr", "Trois semaines que j'attends mon colis, c'est inadmissible"),
        ("es", "Llevo tres semanas esperando el paquete, es inaceptable"),
        ("it", "Tre settimane che aspetto il pacco, è inaccettabile"),
        ("pt", "Três semanas esperando o pacote, é inaceitável"),
        ("pl", "Trzy tygodnie czekam na paczkę, to niedopuszczalne"),
        ("sv", "Har väntat på paketet i tre veckor, helt oacceptabelt"),
    ],
)
def test_anger_and_jokes_without_harm_are_not_hidden(language: str, text: str) -> None:
    assert "harm" not in {facet for facet, _ in told(language, text)}


def test_every_word_that_harms_is_told_where_it_stands_and_reads_no_other_language() -> None:
    assert tuple(harm_words()) == FACETS["harm"]
    for kind, spoken in harm_words().items():
        for language, words in spoken.items():
            assert language in SCORED and len(set(words)) == len(words)
            read = with_harm(language, [f"so, {word}!" for word in words], [NO_FACETS] * len(words))
            assert [word for word, one in zip(words, read, strict=True) if kind not in one.harm] == []
    assert with_harm("nl", ["hijos de puta"], [NO_FACETS]) == [NO_FACETS]


def test_a_word_that_harms_is_not_heard_in_a_harmless_phrase_and_each_phrase_has_one() -> None:
    words, harmless = written_terms("harm_words.toml")
    for language, phrases in harmless.items():
        said = [f"so, {phrase.removesuffix('*')}!" for phrase in phrases]
        assert [one.harm for one in with_harm(language, said, [NO_FACETS] * len(said))] == [()] * len(said)
        heard = PhraseSearch({kind: spoken[language] for kind, spoken in words.items()})
        assert all(heard.among([fold(text) for text in said]))
    assert with_harm("fr", ["bande de voleurs de vélos, bande de voleurs !"], [NO_FACETS])[0].harm == (
        "insult",
    )


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("en", "@user65 what an asshole", "insult"),
        ("tr", "hepiniz salaksınız ya", "insult"),
        ("tr", "Gerizekalılara laf anlatamıyorum", "insult"),
        ("nl", "stelletje klojo's bij die bezorger", "insult"),
        ("ro", "niște nesimțite la ghișeu, niște IDIOATE", "insult"),
        ("de", "ihr Arschlöcher habt mein Paket verloren", "insult"),
        ("fr", "bande de cons", "insult"),
        ("it", "so dove abiti", "violence"),
        ("pt", "merecem porrada esses dois", "violence"),
    ],
)
def test_insults_and_threats_are_met_in_their_inflections(language: str, text: str, kind: str) -> None:
    assert with_harm(language, [text], [NO_FACETS])[0].harm == (kind,)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "damn, the worst service in years, you should be ashamed"),
        ("en", "all women are welcome, and I will find you a replacement"),
        ("en", "wrong size, so I send them back. I am an idiot, I read the chart wrong"),
        ("en", "prick the potatoes, then watch your back when you lift the tray of circus clowns"),
        ("en", "new nudes for autumn, and a bike on a nice rack"),
        ("tr", "mallar üç gündür depoda bekliyor, rezalet"),
        ("tr", "ürün defolu geldi, kapağını sıktığımda damlatıyor"),
        ("tr", "o çocukları tanıyorum, okuldan"),
        ("tr", "öç alma sahnesi güzel, muzlarda ezikler var, bıçaklarım keskin"),
        ("tr", "tek gecelik konaklama, seksi bir elbise, müşteriyi salak yerine koymayın"),
        ("nl", "ik ga dood van het lachen, en nu ophangen"),
        ("nl", "ik vind je wel leuk, en ik sterf van de honger"),
        ("nl", "eikels rapen, kruiden kneuzen en de kast tegen de muur zetten"),
        ("nl", "hou je kop erbij, ik kom je halen voor de donder op zondag"),
        ("ro", "o rochie sexy, dar materialul e prost"),
        ("ro", "stresul îl va omorî, iar boxele îți sparg timpanele"),
        ("ro", "să ardeți calorii nu e greu, e doar o panaramă"),
        ("ro", "poliția despre metodele escrocilor; vin peste voi duminică la cafea"),
        ("ro", "jigodia e o boală a câinilor, iar iepurii se înmulțesc"),
        ("de", "ich finde dich im Telefonbuch nicht"),
        ("de", "Unfall auf der A5: Frau am Steuer leicht verletzt"),
        ("de", "ich Idiot habe die Regale nicht an die Wand stellen lassen"),
        ("de", "Bist du Opfer eines Betrugs? Johnny Depp hat gewonnen"),
        ("fr", "les boissons chaudes sont à gauche"),
        ("fr", "une salopette pour Charlotte, je te retrouve à la gare"),
        ("fr", "console à vendre, fdp inclus, et le concert des Enfoirés passe vendredi"),
        ("fr", "si vous crevez sur l'autoroute, une bande de voleurs de vélos y rôde"),
        ("it", "la crepa nel muro, e i maiali nella stalla"),
        ("it", "ti trovo bene, davvero"),
        ("it", "labbra crepate, e non so dove abiti ma qui nevica"),
        ("es", "atajo de teclado para HP"),
        ("es", "espero que os den un premio y el pack completo"),
        ("es", "tornillo de cabeza hueca, y no sé dónde vives pero aquí llueve"),
        ("pt", "saiu sem roupa de frio"),
        ("pt", "dois acompanhantes por paciente, e vou te quebrar um galho"),
        ("pt", "tem que apanhar o autocarro 44, e a maria-sem-vergonha floriu"),
        ("ar", "كلاب وحيوانات أخرى للتبني"),
        ("ar", "حمير في المزرعة"),
        ("pl", "psycholog i kanalizacja, a potem w głąb lasu z Koziołkiem Matołkiem"),
        ("pl", "pajac niemowlęcy 62, tumany kurzu, zbierz szumowiny z rosołu"),
        ("pl", "gramy w durnia, wszy i gnidy w przedszkolu, zdrajca w Among Us"),
        ("sv", "ett idiotsäkert recept, och en pucko till"),
        ("sv", "stolpskott i sista minuten, jag känner äckel och är som en idiot"),
        ("sv", "film om en lögnare och landsförrädare, en skithög med disk"),
    ],
)
def test_anger_and_everyday_words_are_not_hidden_by_the_words_that_harm(language: str, text: str) -> None:
    assert with_harm(language, [text], [NO_FACETS])[0].harm == ()


@pytest.mark.parametrize("language", SCORED)
def test_nothing_is_said_of_a_text_that_says_nothing(language: str) -> None:
    assert not any(told(language, text) for text in ("", "17:30", "😀", "ok", "https://example.com/shop"))


def test_a_language_without_a_model_has_no_facets() -> None:
    assert shipped_facets("hu") is None


def test_a_model_that_is_damaged_or_of_other_columns_is_refused(tmp_path: Path) -> None:
    model = shipped_facets("nl")
    assert model is not None
    path = tmp_path / "facets-nl.npz"
    replace(model, weights=np.zeros((4, len(COLUMNS)), dtype=np.int8)).save(path)
    with pytest.raises(TocsinError, match="other columns"):
        load_facets(path)
    path.write_bytes((FOLDER / "facets-nl.npz").read_bytes()[:1000])
    with pytest.raises(TocsinError, match="cannot be read"):
        load_facets(path)
    with pytest.raises(TocsinError, match="checksum"):
        load_facets(FOLDER / "facets-nl.npz", "0" * 64)


def test_facets_are_counted_by_value_and_only_common_ones_are_worth_a_word() -> None:
    angry = Facets(intent=("complaint",), emotion=("anger", "fear"))
    found = counted([(angry, 3), (Facets(emotion=("fear",)), 2), (NO_FACETS, 95)])
    assert found == {"intent": {"complaint": 3}, "emotion": {"fear": 5, "anger": 3}}
    assert common(found["emotion"], 100) == [("fear", 0.05, None)]
    assert common(found["emotion"], 100, {"fear": 0.01}) == [("fear", 0.05, 0.01)]
    assert common({}, 0) == common({"fear": 1}, 0) == []
