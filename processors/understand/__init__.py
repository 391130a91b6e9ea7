"""Understanding: what each matched mention says. How sure it is: docs/understanding.md."""

from processors.understand.understander import Understander, Understood, default_scorers

__all__ = ["Understander", "Understood", "default_scorers"]
