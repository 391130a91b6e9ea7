"""Tests of the training: the corpus, and that the same data gives the same models."""
