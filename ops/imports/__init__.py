"""Imports of history, carried out: by a worker for the page and the API, or at once by `tocsin import`."""
