"""The same by coverage: atheris keeps what reaches new lines, and mutates that (Linux, macOS)."""

import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

import numpy as np


def run(name, examples, seed):
    """Try so many; atheris ends the process itself, with what went wrong if something did."""
    import atheris

    with atheris.instrument_imports(include=["tinygrad_xent.data", "tinygrad_xent.files"]):
        # What loads late must load here, or it is not watched.
        from tinygrad_xent.data import reading
        from tinygrad_xent.data.reading import __path__ as rooms

        for room in pkgutil.iter_modules(rooms):
            importlib.import_module(f"{reading.__name__}.{room.name}")
        from .harness import seeds, target

        module = target(name)
    folder = tempfile.mkdtemp()
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    known = [*module.corpus(), *(path.read_bytes() for path in seeds(name))]
    for k, content in enumerate(known):
        (corpus / str(k)).write_bytes(content)

    def mutate(content, most, seed):
        rng = np.random.default_rng(seed)
        if rng.random() < 0.5:
            return atheris.Mutate(content, most)
        try:  # of what came before it may be no valid file any more
            return module.mutate(rng, content)[:most]
        except Exception:
            return atheris.Mutate(content, most)

    def one(content):
        module.attempt(content, folder)

    words = [sys.argv[0], f"-runs={examples}", f"-seed={seed + 1}", "-max_len=200000"]
    atheris.Setup([*words, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()
