"""Definitions: the models of the things that people define, and the repository that keeps every version of them."""
