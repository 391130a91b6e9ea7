"""Understanding: the content of each matched mention. docs/understanding.md tells how reliable it is."""

from processors.understand.understander import Understander, Understood, default_scorers

__all__ = ["Understander", "Understood", "default_scorers"]
