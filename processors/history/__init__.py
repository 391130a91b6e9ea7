"""History: recorded mentions that are stored beside what is heard. History teaches baselines, and no judgement counts it.

Each import has a partition of its own below zero. Detection reads the tallies and matches of partitions from zero on, so history
can neither page anybody nor open an alert, however it came in (`processors.detection.tallies`, `processors.detection.copies`).
"""
