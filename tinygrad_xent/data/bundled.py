"""The real sets that come with the package: files, not downloads.

Who measured them, under which licence, and the hashes of the files: LICENSES.md beside this module.
tests/tools/rebuild_data.py (in the repository) makes the files again from where they come from.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np

from .dataset import Dataset

# name -> (what one unit of the stored x is worth, the one line about its source).
BUNDLED = {
    "digits": (
        1 / 16,  # a pixel counts the ink in a 4x4 block, 0 .. 16: the file keeps the count
        "UCI Optical Recognition of Handwritten Digits (test part), E. Alpaydin and C. Kaynak "
        "1998; copy in scikit-learn, BSD-3-Clause; see LICENSES.md",
    ),
    "penguins": (
        1,
        "palmerpenguins, A. Horst, A. Hill and K. Gorman 2020, rows with missing measurements "
        "left out; CC0; see LICENSES.md",
    ),
    "iris": (
        1,
        "R. A. Fisher 1936, measured by E. Anderson; copy in scikit-learn, BSD-3-Clause; "
        "see LICENSES.md",
    ),
    "wine": (
        1,
        "UCI Wine, S. Aeberhard and M. Forina 1992; copy in scikit-learn, BSD-3-Clause; "
        "see LICENSES.md",
    ),
}


LICENCES = {  # in a word or two; the whole of it is in LICENSES.md
    "digits": "BSD-3-Clause",
    "penguins": "CC0",
    "iris": "BSD-3-Clause",
    "wine": "BSD-3-Clause",
}

LABELS = {"digits": "digit", "penguins": "species", "iris": "species", "wine": "cultivar"}


def read(name: str) -> Dataset:
    """Return the bundled set `name` (a key of BUNDLED), read afresh from its file.

    There is no cache on purpose: reading takes about a millisecond, and arrays that are shared
    between callers would carry one caller's changes to the next.
    """
    unit, source = BUNDLED[name]
    from importlib import resources  # slow to load

    # Through importlib.resources and memory, because a package may live in a zip file.
    raw = (resources.files("tinygrad_xent.data") / f"{name}.npz").read_bytes()
    # allow_pickle=False: a pickle can run code when it is opened; these hold numbers and text.
    with np.load(BytesIO(raw), allow_pickle=False) as file:
        return Dataset(
            name=name,
            x=file["x"] * np.float32(unit),
            y=file["y"],
            classes=tuple(file["classes"].tolist()),
            features=tuple(file["features"].tolist()),
            source=source,
            label=LABELS[name],
        )
