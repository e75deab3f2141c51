"""Mutated input for every parser: `python -m fuzz.run --help`. Why so: docs/decisions/0005-fuzzing.md."""
