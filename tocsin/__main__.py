"""`python -m tocsin` is the command `tocsin`."""

from tocsin.launcher import main

main()
