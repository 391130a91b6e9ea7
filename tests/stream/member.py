"""A member of a group in a process of its own, to be killed or frozen. It prints each change of its partitions as a line."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from tocsin.logs import set_up
from tocsin.settings import StreamSettings
from tocsin.stream.kafka.engine import KafkaStream


def main(url: str, prefix: str, topic: str, group: str) -> None:
    # Stdout is for the member's lines.
    set_up("error")
    consumer = KafkaStream(url, StreamSettings(topic_prefix=prefix)).consumer(topic, group, "apart")
    while True:
        polled = consumer.poll(timedelta(milliseconds=100))
        for partition in polled.gained:
            consumer.seek(partition, 0)
        if polled.gained or polled.lost or polled.records:
            said = {
                "gained": sorted(polled.gained),
                "lost": sorted(polled.lost),
                "records": len(polled.records),
            }
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
