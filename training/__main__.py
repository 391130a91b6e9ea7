"""`make train`: fit the models of sentiment and facets anew. The same data gives the same bytes.

    python -m training [--data FOLDER] [--all] [--out FOLDER] [LANGUAGE ...]

Without `--data` the corpus alone is learnt from. Such models are weaker than those of the package, so they go to another folder.
`--all` also uses the sets that are not cleared. Such models may not be passed on, so they go to another folder, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from processors.understand.artefacts import FOLDER
from processors.understand.linear import LinearScorer, load_model
from training.contrast import Named, card_of_contrast, contrasts, examples_of, fit_contrast, of_the_corpus
from training.corpus import LANGUAGES
from training.data import (
    FREE,
    FURTHER,
    KEPT,
    OURS,
    SOURCES,
    TAUGHT,
    TAUGHT_ALONE,
    TEACHER,
    TEACHER_OF_MANY,
    UNTAUGHT,
    Example,
    examples,
    is_held_out,
    other_talk,
)
from training.facets import EMOTION_SETS, emotions_of, facet_examples, fit_facets
from training.fit import Lent, fit
from training.language import save_language
from training.plot import PICTURE, cards, picture
from training.short import CRISES, FACETED, TWEETS, written


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit each language and write its model and its card."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder with the labelled sets")
    parser.add_argument("--all", action="store_true", help="use the sets that are not cleared, too")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the models go (default: the package)")
    parser.add_argument("languages", nargs="*", default=(*LANGUAGES, *FURTHER))
    given = parser.parse_args(arguments)
    into_the_package = given.out.resolve() == FOLDER.resolve()
    if given.all and into_the_package:
        parser.error("--all needs --out: these models may not be passed on")
    if given.data is None and into_the_package:
        parser.error(
            "without --data, --out is needed: models of the corpus alone are weaker than the package's"
        )
    given.out.mkdir(parents=True, exist_ok=True)
    for language in given.languages:
        found = examples(language, given.data, everything=given.all)
        model, report = fit(
            language,
            found,
            other=other_talk(language, given.data),
            lent=list(_lent(language, found, given)),
            everything=given.all,
        )
        path = given.out / f"sentiment-{language}.npz"
        model.save(path)
        card = _card(language, model.version, path, report, given)
        card["labels"] = dict(sorted(Counter(one.label for one in found).items()))
        text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
        path.with_suffix(".json").write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(found):,} examples, {path.stat().st_size:,} bytes, version {model.version}")
        _train_facets(language, given)
    _train_contrast(given)
    if given.data is not None:
        path = given.out / "language.npz"
        _write_card(path, save_language(given.data, path), {})
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    if into_the_package:
        PICTURE.write_text(picture(cards()), encoding="utf-8")
    return 0


def _lent(language: str, found: Sequence[Example], given: argparse.Namespace) -> Iterator[Lent]:
    """What stands in for the talk of strangers in the fit of the confidence: our posts about crises, as a model that has not
    learnt from them labels them; and where no set has a line, the held-out texts of other languages.
    """
    if language not in FURTHER:
        return
    rest = [one for one in found if one.talk != CRISES.name]
    unmet = [one for one in sorted(found) if one.talk == CRISES.name and not is_held_out(one.text)]
    yield Lent(fit(language, rest, everything=given.all).model, unmet)
    for another in TAUGHT_ALONE if language in UNTAUGHT else ():
        yield _held_out_of(another, given)


def _held_out_of(language: str, given: argparse.Namespace) -> Lent:
    model = load_model(given.out / f"sentiment-{language}.npz")
    found = examples(language, given.data, everything=given.all)
    return Lent(model, [one for one in sorted(found) if is_held_out(one.text)])


def _train_contrast(given: argparse.Namespace) -> None:
    """What posts that name two brands teach, by the models of their languages: those just made, else the package's."""
    posts_of: dict[str, list[Named]] = defaultdict(list)
    for one in (*of_the_corpus(), *contrasts()):
        posts_of[one.language].append(one)
    found = [
        examples_of(language, named, LinearScorer(language, load_model(_newest(language, given))))
        for language, named in sorted(posts_of.items())
    ]
    model = fit_contrast(found)
    path = given.out / "contrast.npz"
    model.save(path)
    card = card_of_contrast(found, model, path, KEPT if given.all else FREE)
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: {card['learnt']:,} examples, {path.stat().st_size:,} bytes, version {model.version}")


def _newest(language: str, given: argparse.Namespace) -> Path:
    made: Path = given.out / f"sentiment-{language}.npz"
    return made if made.exists() else FOLDER / made.name


def _train_facets(language: str, given: argparse.Namespace) -> None:
    found = facet_examples(language, given.data)
    model, report = fit_facets(language, found)
    path = given.out / f"facets-{language}.npz"
    model.save(path)
    sets = [name for name in EMOTION_SETS if given.data and any(emotions_of(given.data, name, language))]
    _write_card(
        path,
        {
            "model": model.name,
            "task": "facets of a short post: intent, emotions, kinds of crisis, harm",
            "kind": "logistic regressions, one a value, over the features of sentiment in fewer buckets",
            "learnt_from": [
                *_own(language, *FACETED),
                "training/terms.toml",
                "processors/understand/triggers.toml",
                *sets,
            ],
            "licence": FREE,
        },
        report,
    )
    print(f"{path.name}: {len(found):,} examples, {path.stat().st_size:,} bytes, version {model.version}")


def _own(language: str, *folders: Path) -> list[str]:
    """What was written for Tocsin in a language, as a card names it: the corpus, and those of these folders that have posts."""
    spoken = [one for one in folders if any(post.language == language for post in written(one))]
    return [
        *([] if language in FURTHER else ["training/corpus"]),
        *(f"training/{one.name}" for one in spoken),
    ]


def _write_card(path: Path, about: dict[str, Any], report: dict[str, Any]) -> None:
    card = about | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | report
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def _card(
    language: str, version: str, path: Path, report: dict[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    used = [
        one.name for one in SOURCES if given.data and language in one.languages and (given.all or one.cleared)
    ]
    ours = {one for folders, *_, languages in OURS if language in languages for one in folders}
    taught = any(name in TAUGHT.get(language, ()) for name in used)
    teacher = TEACHER_OF_MANY if language in TAUGHT_ALONE else TEACHER
    return {
        "model": f"linear-{language}-{version}",
        "task": "sentiment of a short post: negative, neutral, positive",
        "kind": "multinomial logistic regression over hashed words, parts of words, pairs and valences",
        "learnt_from": [
            *_own(language, *(one for one in (*FACETED, TWEETS) if one in ours)),
            *used,
            *([f"training/{teacher.name}"] if taught else []),
        ],
        "licence": KEPT if given.all else FREE,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **report,
    }


if __name__ == "__main__":
    sys.exit(main())
