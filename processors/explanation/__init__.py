"""Explaining an alert: what it was judged from is kept with its signal, and is computed and counted again when somebody asks."""
