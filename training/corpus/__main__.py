"""Counts the corpus, and names its faults: `python -m training.corpus`. Exits with 1 where there are any."""

from __future__ import annotations

import sys

from training.corpus import LANGUAGES, balance, faults, posts


def main() -> int:
    """Print a language's size, faults and balance, one after the other."""
    wrong = 0
    for language in LANGUAGES:
        found = list(posts(language))
        if not found:
            continue
        print(f"{language}: {len(found):,} posts")
        for column, shares in balance(found).items():
            print(f"  {column:10}", ", ".join(f"{value} {share:.1%}" for value, share in shares.items()))
        named = faults(found)
        wrong += len(named)
        print("".join(f"  {one}\n" for one in named), end="")
    return 1 if wrong else 0


sys.exit(main())
