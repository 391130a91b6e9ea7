"""Lines in, lines out: what `tocsin match` and `tocsin score` do to each line of a pipe."""
