"""What may happen to any file, whatever is in it."""

import struct

INTERESTING = [0, 1, 2, 3, 28, 127, 128, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1]


def one_of(rng, things):
    return things[int(rng.integers(len(things)))]


def place(rng, content):
    return int(rng.integers(len(content) + 1))


def flipped(rng, content):
    """A few bits the other way."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 6)) if changed else 0):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(rng, content):
    return content[: place(rng, content)]


def without_a_piece(rng, content):
    start = place(rng, content)
    return content[:start] + content[start + int(rng.integers(1, 40)) :]


def doubled(rng, content):
    start, at = place(rng, content), place(rng, content)
    return content[:at] + content[start : start + int(rng.integers(1, 200))] + content[at:]


def with_noise(rng, content):
    at = place(rng, content)
    return content[:at] + rng.bytes(int(rng.integers(1, 30))) + content[at:]


def with_number(rng, content):
    """Four bytes, or two, or eight, become a number that limits are made of."""
    code = one_of(rng, [">I", "<I", "<H", "<Q", ">i"])
    width = struct.calcsize(code)
    number = one_of(rng, INTERESTING) % 2 ** (8 * width - 1)
    at = int(rng.integers(max(1, min(len(content), 200))))
    return content[:at] + struct.pack(code, number) + content[at + width :]


def swapped(rng, content):
    a, b = sorted((place(rng, content), place(rng, content)))
    return content[:a] + content[b:] + content[a:b]


def noise(rng, content):
    """Nothing that anybody wrote."""
    return rng.bytes(int(rng.integers(0, 300)))


ANY = [flipped, cut, without_a_piece, doubled, with_noise, with_number, swapped]


def any_of(rng, content):
    return one_of(rng, ANY)(rng, content)
