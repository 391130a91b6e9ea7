"""The naive loop, which anybody would write first.

It reads a line of JSON, looks for every brand in the text, runs vaderSentiment and a small scikit-learn pipeline on each
message, and does an INSERT into SQLite. The pipeline tells the language, as the line does.

The comparison favours the loop: no stream before it, no tallies, no check for duplicates, one COMMIT a thousand rows, and no
commit that the disk confirms, unless asked.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

COMMIT_EVERY = 1000


def work(
    file: str, monitors: int, most: int, match_first: bool = False, commit_each: bool = False
) -> dict[str, Any]:
    """Work through at most `most` mentions of the file. With `match_first`, score and insert only those that name a brand."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from benchmarks.synthetic import synthetic_queries

    brands = list(synthetic_queries(monitors))
    vader, languages = SentimentIntensityAnalyzer(), language_pipeline()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        db = sqlite3.connect(Path(folder) / "naive.db")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={'FULL' if commit_each else 'NORMAL'}")
        db.execute(
            "CREATE TABLE mentions (source TEXT, id TEXT, created_at TEXT, author TEXT, followers INTEGER, text TEXT, "
            "brands TEXT, lang TEXT, sentiment REAL, PRIMARY KEY (source, id))"
        )
        vader.polarity_scores("warm")
        languages.predict(["warm"])
        count = stored = 0
        began, began_cpu = time.perf_counter(), time.process_time()
        with Path(file).open() as lines:
            for line in islice(lines, most):
                count += 1
                mention = json.loads(line)
                text = mention["text"].lower()
                found = [brand for brand in brands if brand in text]
                if match_first and not found:
                    continue
                row = understood(mention, found, languages, vader)
                db.execute("INSERT INTO mentions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                stored += 1
                if commit_each or stored % COMMIT_EVERY == 0:
                    db.commit()
        db.commit()
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        db.close()
    return {"mentions": count, "stored": stored, "seconds": seconds, "cpu": cpu}


def understood(mention: dict[str, Any], brands: Sequence[str], languages: Any, vader: Any) -> tuple[Any, ...]:
    """The row of a mention, by one call of each library for each message."""
    return (
        mention["source"],
        mention["id"],
        mention["created_at"],
        mention["author"]["id"],
        mention["author"].get("followers"),
        mention["text"],
        ",".join(brands),
        str(languages.predict([mention["text"]])[0]),
        vader.polarity_scores(mention["text"])["compound"],
    )


@cache
def language_pipeline() -> Any:
    """A pipeline that tells the language, trained on other made-up texts, once a process."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, known = _learnt_from()
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, known)


def _learnt_from() -> tuple[Sequence[str], Sequence[str]]:
    from benchmarks.synthetic import synthetic_mentions

    start = datetime(2026, 3, 1, tzinfo=UTC)
    made = list(
        synthetic_mentions(2000, start=start, rate_per_second=1.0, match_share=0.0, monitors=1, seed=1)
    )
    return [mention.text for mention in made], [str(mention.lang) for mention in made]
