"""The real stream, on Apache Kafka."""
