"""Judging monitors: from tallies to readings and signals."""
