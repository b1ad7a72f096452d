#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Damaged copies of a configuration, always the same ones.

mutate.py FILE DIRECTORY COUNT TRACE: writes COUNT files 0001, 0002, ... into DIRECTORY, each FILE with one to four
accidents: bytes changed, taken out, doubled or cut off, lines doubled, moved or made very long, and texts of which a
shell would make files whose names begin with TRACE.
"""
import random
import sys

random.seed(20120229)


def hostile(trace, number):
    """Texts that do something where they are executed or expanded."""
    name = f"{trace}-{number}"
    return [
        f"$(touch {name})", f"`touch {name}`", f"; touch {name};", f"| touch {name}", f"& touch {name} &",
        f"\ntouch {name}\n", f"\" ; touch {name} ; \"", f"' ; touch {name} ; '", f"> {name}", f"<(touch {name})",
        f"a[$(touch {name})]", f"$((a[$(touch {name})]))", f"x[$(touch {name})]=1", f"{{a..z}}>{name}",
        "$HOME", "${PATH}", "*", "~root", "../../../etc/passwd", "!!", "%s%n", "\\", "$'\\x41'", "[[", "((", "$((1/0))",
        "eval", "exit 0", "declare -x PATH=", "IFS=a", "KEY_KIND=", "CONFIG_ERRORS=-99", "BASH_ENV=/dev/null",
    ]


def one(data, trace, number):
    """One accident."""
    lines = data.split(b"\n")
    where = random.randrange(len(data) + 1)
    line = random.randrange(len(lines))
    kind = random.randrange(14)
    if kind == 0:
        return data[:where]
    if kind == 1:
        return data[:where] + bytes(random.randrange(1, 9)) + data[where:]
    if kind == 2:
        return data[:where] + bytes(random.randrange(128, 256) for _ in range(random.randrange(1, 30))) + data[where:]
    if kind == 3:
        return data[:where] + bytes(random.randrange(256) for _ in range(random.randrange(1, 200))) + data[where:]
    if kind == 4:
        return data[:where] + data[where + random.randrange(1, 60):]
    if kind == 5:
        lines.insert(line, lines[line])
    elif kind == 6:
        lines.insert(random.randrange(len(lines)), lines.pop(line))
    elif kind == 7:
        changed = bytearray(data)
        for _ in range(random.randrange(1, 20)):
            if changed:
                changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
        return bytes(changed)
    elif kind == 8:
        return data[:where] + random.choice(b"\"'=#;\r\n\t \\$`()[]{}<>|&*?!~\x1b").to_bytes(1, "little") + data[where:]
    elif kind == 9:
        filler = random.choice([b" ", b"0", b"a", b"\"", b"=", b"\t", b"\xff", b"*", b"1 ", b"a=", b"acc "])
        length = random.choice([300, 5000, 16000, 20000, 1 << 20])
        key = lines[line].split(b"=")[0]
        lines[line] = random.choice([b"", key + b"=", key + b"=\"x", b"accif=\"eth0"]) + filler * (length // len(filler))
        if random.randrange(2):
            lines[line] += b"\""
    elif kind == 10:
        lines[line] = lines[line].replace(b"\"", b"'" if random.randrange(2) else b"", random.randrange(1, 3))
    elif kind == 11:
        lines = [text + b"\r" for text in lines]
    else:
        text = random.choice(hostile(trace, number)).encode()
        key, equals, value = lines[line].partition(b"=")
        cut = random.randrange(len(value) + 1)
        lines[line] = random.choice([
            key + b"=\"" + text + b"\"", key + b"=" + text, key + text + equals + value, text,
            key + equals + value[:cut] + text + value[cut:],
        ])
    return b"\n".join(lines)


def main():
    source, directory, count, trace = sys.argv[1:]
    with open(source, "rb") as file:
        good = file.read()
    for number in range(1, int(count) + 1):
        data = good
        for _ in range(random.choice([1, 1, 2, 4])):
            data = one(data, trace, number)
        with open(f"{directory}/{number:04}", "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
