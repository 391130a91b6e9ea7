"""Trains the models of `processors/understand`: data in, artefacts and cards out. Nothing of it is in the wheel."""
