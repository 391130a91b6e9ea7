"""The health of Tocsin itself: the reports of its parts, and whether the sources are heard."""
