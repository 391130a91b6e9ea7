"""`make train`: fit the sentiment models anew. The same data gives the same bytes.

    python -m training [--data FOLDER] [--all] [--out FOLDER] [LANGUAGE ...]

Without `--data` the corpus alone is learnt from. Such models are weaker than those of the package, so they go to another folder.
`--all` also uses the sets that are not cleared. Such models may not be passed on, so they go to another folder, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from processors.understand.linear import FOLDER
from training.corpus import LANGUAGES
from training.data import SOURCES, examples
from training.fit import fit


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit each language and write its model and its card."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder with the labelled sets")
    parser.add_argument("--all", action="store_true", help="use the sets that are not cleared, too")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the models go (default: the package)")
    parser.add_argument("languages", nargs="*", default=LANGUAGES)
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
        model, report = fit(language, found)
        path = given.out / f"sentiment-{language}.npz"
        model.save(path)
        card = _card(language, model.version, path, report, given)
        card["labels"] = dict(sorted(Counter(one.label for one in found).items()))
        text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
        path.with_suffix(".json").write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(found):,} examples, {path.stat().st_size:,} bytes, version {model.version}")
    return 0


def _card(
    language: str, version: str, path: Path, report: dict[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    used = [
        one.name for one in SOURCES if given.data and language in one.languages and (given.all or one.cleared)
    ]
    return {
        "model": f"linear-{language}-{version}",
        "task": "sentiment of a short post: negative, neutral, positive",
        "kind": "multinomial logistic regression over hashed words, parts of words, pairs and valences",
        "learnt_from": ["training/corpus", *used],
        "licence": "not to be passed on" if given.all else "Apache-2.0; NOTICE names the makers of the sets",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **report,
    }


if __name__ == "__main__":
    sys.exit(main())
