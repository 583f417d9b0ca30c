"""Hostile files: ``python -m tests.fuzz readers --examples 100000 --seed 0``.

A target is a module of this folder with three functions:

- ``corpus()``: valid files, as bytes
- ``mutate(rng, content)``: hostile bytes made of valid ones (`rng` is a numpy Generator)
- ``attempt(content, folder)``: read them; raise unless what comes is right or the one error that
  is promised; return whether they got past the first checks

Bytes that once went wrong are kept in ``seeds/<target>/`` and tried on every run.
"""
