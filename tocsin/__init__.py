"""Tocsin: social listening that wakes one person, once, for a reason. The shared kernel."""
