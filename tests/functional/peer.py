# SPDX-License-Identifier: GPL-2.0
"""A receiver that obeys no rule: peer.py BEHAVIOUR PORT SECONDS [BYTES]

A small TCP of its own, on raw packets, behind a bottleneck that the kernel makes (see peers.sh): it connects to the
server, takes what it sends and answers as BEHAVIOUR says, until BYTES have come, or the server has ended the
connection, or for SECONDS. A second raw socket before the bottleneck shows what the server sends; the behaviours that
acknowledge what never arrived use it, too, and so do what the best guesser could.

Prints: bytes of IP sent, bytes of IP delivered, bytes of payload without a gap, how it ended (time, whole, reset),
seconds. Content that is not the pattern of traffic.py ends it with status 1.
"""

import sys

from receiver import ACK, ECE, RTT_S, WINDOW, Peer, Segment


class Honest(Peer):
    pass


class Early(Peer):
    """Acknowledges what was sent after a quarter of the round trip, whether it came or not."""

    delay_s = RTT_S / 4

    def on_sent(self, s: Segment) -> None:
        self.send(ACK, self.highest, self.delay_s, ts=s.ts)

    def on_data(self, s: Segment) -> None:
        self.take(s)


class Conceal(Early):
    """Acknowledges what was sent when the first round trip says so: a path without a queue and without losses."""

    delay_s = RTT_S


class Ladder(Peer):
    """Guesses: acknowledges what came and, in steps of a segment, what may come behind it."""

    def on_data(self, s: Segment) -> None:
        self.take(s)
        top = s.end
        for step in range(16):
            self.send(ACK, top + step * 1448, 0.001 * step)


class Divided(Peer):
    """Sixteen acknowledgements for each segment."""

    def on_data(self, s: Segment) -> None:
        before = self.next
        self.take(s)
        for part in range(1, 17):
            self.send(ACK, before + (self.next - before) * part // 16, RTT_S, self.beyond)


class Renege(Peer):
    """Loses what it has said it had, five times a second, and one segment in fifty."""

    forget_at = 0.0

    def on_data(self, s: Segment) -> None:
        if self.random.random() < 0.02:
            return
        super().on_data(s)

    def on_time(self, now: float) -> None:
        if now >= self.forget_at:
            self.forget_at = now + 0.2
            self.beyond = []


class Closed(Peer):
    """Takes nothing for three seconds out of four: zero windows, answered probes."""

    def on_data(self, s: Segment) -> None:
        # What it has no room for is not taken.
        if self.window:
            self.take(s)
        self.send(ACK, self.next, RTT_S, self.beyond)

    def on_probe(self, s: Segment) -> None:
        self.send(ACK, self.next, RTT_S)

    def on_time(self, now: float) -> None:
        window = WINDOW if (now - self.begun) % 4 < 1 else 0
        if window != self.window:
            self.window = window
            self.send(ACK, self.next)


class Silly(Peer):
    """Offers room for 128 bytes, the least its scale can say."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.window = 128

    def on_probe(self, s: Segment) -> None:
        self.send(ACK, self.next, RTT_S)


class Shrink(Peer):
    """Takes back half of the window it has offered, with each acknowledgement, and gives it again with the next."""

    turn = False

    def on_data(self, s: Segment) -> None:
        self.take(s)
        self.turn = not self.turn
        self.send(ACK, self.next, RTT_S, self.beyond, window=WINDOW if self.turn else WINDOW // 1024)


class Mss88(Peer):
    mss = 88


class Mss1(Peer):
    mss = 1


class Mss0(Peer):
    mss = 0
    timestamps = False


class NoMss(Peer):
    """Without any option."""

    mss = None
    sack = timestamps = False


class Echo(Peer):
    """Says with each acknowledgement that the path is congested."""

    ecn = True

    def on_data(self, s: Segment) -> None:
        self.take(s)
        self.send(ACK | ECE, self.next, RTT_S, self.beyond)


class Mute(Peer):
    """Never says so, though the bottleneck marks instead of dropping."""

    ecn = True


class Storm(Peer):
    """Thirty duplicates of each acknowledgement."""

    def on_data(self, s: Segment) -> None:
        self.take(s)
        for _ in range(30):
            self.send(ACK, self.next, RTT_S)


class SackStorm(Peer):
    """Thirty duplicates, each with another DSACK and blocks that lie."""

    def on_data(self, s: Segment) -> None:
        self.take(s)
        for _ in range(30):
            blocks = []
            for _ in range(3):
                begin = max(0, self.next + self.random.randrange(-200_000, 200_000))
                blocks.append((begin, begin + self.random.choice([0, 1, 1448, -1448, 100_000, 1 << 31])))
            self.send(ACK, self.next, RTT_S, blocks)


class Clocks(Peer):
    """Echoes timestamps of another time: up to a second older or newer than the right one."""

    def on_data(self, s: Segment) -> None:
        self.take(s)
        self.send(ACK, self.next, RTT_S, self.beyond, ts=s.ts + self.random.randrange(-1000, 1000))


class Young(Peer):
    """Echoes the server's own present: round trips of nothing."""

    def on_data(self, s: Segment) -> None:
        self.take(s)
        self.send(ACK, self.next, RTT_S, self.beyond, ts=s.ts + int(RTT_S * 1000))


class Silent(Peer):
    """Says nothing any more after a hundred kilobytes."""

    says_goodbye = False

    def on_data(self, s: Segment) -> None:
        self.take(s)
        if self.next < 100_000:
            self.send(ACK, self.next, RTT_S, self.beyond)


def main() -> None:
    kinds = {kind.__name__.lower(): kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, Peer)}
    kind, port, seconds = kinds[sys.argv[1]], int(sys.argv[2]), float(sys.argv[3])
    print(kind(port, seconds, int(sys.argv[4]) if len(sys.argv) > 4 else 0).run())


main()
