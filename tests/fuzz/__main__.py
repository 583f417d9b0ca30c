"""python -m tests.fuzz TARGET ... --examples N --seed N."""

import argparse
import warnings

from . import harness


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=harness.__doc__)
    known = [*harness.GROUPS, *harness.names()]
    parser.add_argument(
        "targets", nargs="*", default=["readers"], metavar="TARGET", help=f"{known}"
    )
    parser.add_argument("--examples", type=int, default=2000, help="of each; default 2000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    options = parser.parse_args()
    warnings.simplefilter("error")
    for word in options.targets:
        if word not in known:
            parser.error(f"{word!r} is none of {', '.join(known)}")
        for name in harness.GROUPS.get(word, [word]):
            if options.guided:
                from .guided import run

                run(name, options.examples, options.seed)
            else:
                print(harness.run(name, options.examples, options.seed), flush=True)


if __name__ == "__main__":
    main()
