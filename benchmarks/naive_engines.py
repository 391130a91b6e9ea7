"""The naive pipeline on the same Kafka and PostgreSQL, which anybody would write first.

A kafka-python producer sends one JSON record a mention. One loop takes a record, reads the JSON and looks for every brand's
name in the text. Where the text names a brand, the loop asks vaderSentiment and a small scikit-learn pipeline, which tells the
language, and INSERTs a row. It commits every hundred rows or each second, whichever comes first. It has no tallies, no search
index, no check for duplicates or edits, and no offsets with the rows. Nobody checks what a crash repeats or loses.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import psycopg

from benchmarks.naive import language_pipeline, understood

COMMIT_ROWS, COMMIT_S = 100, 1.0
TABLE = (
    "CREATE TABLE naive (source text, id text, created_at text, author text, followers bigint, text text, "
    "brands text, lang text, sentiment double precision, PRIMARY KEY (source, id))"
)


def work(who: str, **options: Any) -> dict[str, Any]:
    """The work of one of the two processes."""
    return _produce(**options) if who == "producer" else _consume(**options)


def _produce(bootstrap: str, topic: str, file: str, most: int) -> dict[str, Any]:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, compression_type="lz4")
    began, began_cpu, count = time.perf_counter(), time.process_time(), 0
    with open(file, "rb") as lines:
        for line in islice(lines, most):
            producer.send(topic, line.rstrip())
            count += 1
    producer.flush()
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    producer.close()
    return {"mentions": count, "seconds": seconds, "cpu": cpu}


def _consume(bootstrap: str, topic: str, store: str, monitors: int, most: int) -> dict[str, Any]:
    from kafka import KafkaConsumer
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from benchmarks.synthetic import synthetic_queries

    brands = list(synthetic_queries(monitors))
    vader, languages = SentimentIntensityAnalyzer(), language_pipeline()
    vader.polarity_scores("warm")
    languages.predict(["warm"])
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"naive-{os.getpid()}", auto_offset_reset="earliest"
    )
    # A client that joins before it knows the topic deals itself no partitions for five minutes.
    _wait(lambda: consumer.partitions_for_topic(topic))
    consumer.subscribe([topic])
    with psycopg.connect(store) as db:
        _wait(lambda: consumer.poll(timeout_ms=100, max_records=1) or consumer.assignment())
        consumer.seek_to_beginning()
        print("reading", flush=True)
        count = stored = open_rows = 0
        began = began_cpu = committed_at = 0.0
        for record in consumer:
            if not count:
                began, began_cpu = time.perf_counter(), time.process_time()
                committed_at = began
            count += 1
            mention = json.loads(record.value)
            text = mention["text"].lower()
            found = [brand for brand in brands if brand in text]
            if found:
                db.execute(
                    "INSERT INTO naive VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    understood(mention, found, languages, vader),
                )
                stored += 1
                open_rows += 1
            now = time.perf_counter()
            if open_rows >= COMMIT_ROWS or (open_rows and now - committed_at >= COMMIT_S):
                db.commit()
                open_rows, committed_at = 0, now
            if count == most:
                break
        db.commit()
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    consumer.close(autocommit=False)
    return {"mentions": count, "stored": stored, "seconds": seconds, "cpu": cpu}


def _wait(said: Callable[[], object]) -> None:
    """Until the answer is one; a broker that has none within a minute ends the run."""
    until = time.monotonic() + 60
    while not said():
        if time.monotonic() > until:
            raise TimeoutError("Kafka gave the naive loop nothing to read within a minute")
        time.sleep(0.01)
