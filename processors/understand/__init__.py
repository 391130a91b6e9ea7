"""Understanding: the content of each matched mention. docs/understanding.md tells how reliable it is."""

from processors.understand.understander import (
    AboutBrand,
    Understander,
    Understood,
    default_scorers,
    mention_facets,
)

__all__ = ["AboutBrand", "Understander", "Understood", "default_scorers", "mention_facets"]
