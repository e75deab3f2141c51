"""Mutated input for every parser: `python -m fuzz.run --help`. Why so: docs/decisions/0007-fuzzing.md."""
