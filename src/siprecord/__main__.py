"""`python -m siprecord`."""

from siprecord.cli import main

main()
