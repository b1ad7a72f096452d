# SPDX-License-Identifier: GPL-2.0
"""A corpus as one file of text, an input a line in hexadecimal: corpus.py pack DIRECTORY FILE MOST | unpack FILE DIRECTORY"""

import hashlib
import sys
from pathlib import Path


def pack(directory: Path, file: Path, most: int) -> None:
    """Inputs of all sizes, sorted, so that a change of the corpus is a small change of the file."""
    inputs = sorted((p.read_bytes() for p in directory.iterdir()), key=lambda data: (len(data), data))
    kept = [inputs[i * len(inputs) // most] for i in range(most)] if len(inputs) > most else inputs
    file.write_text("".join(data.hex() + "\n" for data in kept))


def unpack(file: Path, directory: Path) -> None:
    for line in file.read_text().splitlines() if file.exists() else []:
        data = bytes.fromhex(line)
        (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pack", directory, file, most]:
            pack(Path(directory), Path(file), int(most))
        case ["unpack", file, directory]:
            unpack(Path(file), Path(directory))
        case _:
            sys.exit(__doc__)
