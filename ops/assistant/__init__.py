"""Tocsin for assistants: alerts, evidence and mentions over the Model Context Protocol. Reads unless told otherwise."""
