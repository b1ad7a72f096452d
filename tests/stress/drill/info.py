# SPDX-License-Identifier: GPL-2.0
"""What Python in scripts sees: the fields of struct tcp_info (linux/tcp.h), of SO_MEMINFO, and the names of states."""

import ctypes
import struct

from calls import LIBC, MORE

FIELDS = (
    "B:state ca_state retransmits probes backoff options wscales bits "
    "I:rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv "
    "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans "
    "Q:pacing_rate max_pacing_rate bytes_acked bytes_received "
    "I:segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out "
    "Q:delivery_rate busy_time rwnd_limited sndbuf_limited I:delivered delivered_ce Q:bytes_sent bytes_retrans "
    "I:dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash H:total_rto total_rto_recoveries "
    "I:total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes received_e1_bytes "
    "received_e0_bytes received_ce_bytes ecn"
)
NAMES: list[str] = []
FORMAT = "="
_kind = ""
for _word in FIELDS.split():
    if _word[1:2] == ":":
        _kind, _word = _word[0], _word[2:]
    FORMAT += _kind
    NAMES.append("tcpi_" + _word)
SIZE = struct.calcsize(FORMAT)

CONSTANTS = {f"TCP_{name}": number for number, name in enumerate(
    "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING".split(), 1)}
CONSTANTS |= {f"TCP_CA_{name}": number for number, name in enumerate("Open Disorder CWR Recovery Loss".split())}
CONSTANTS |= {f"TCPI_OPT_{name}": 1 << bit for bit, name in enumerate(
    "TIMESTAMPS SACK WSCALE ECN ECN_SEEN SYN_DATA".split())}
MEMORY = "RMEM_ALLOC RCVBUF WMEM_ALLOC SNDBUF FWD_ALLOC WMEM_QUEUED OPTMEM BACKLOG DROPS".split()


def option(fd: int, level: int, name: int, size: int) -> bytes:
    memory, length = ctypes.create_string_buffer(size), ctypes.c_uint32(size)
    if LIBC.getsockopt(fd, level, name, memory, ctypes.byref(length)) != 0:
        raise OSError(ctypes.get_errno(), "getsockopt")
    return memory.raw


def names(fd: int) -> dict[str, int]:
    got = dict(zip(NAMES, struct.unpack(FORMAT, option(fd, 6, 11, SIZE))))
    got["tcpi_snd_wscale"], got["tcpi_rcv_wscale"] = got["tcpi_wscales"] & 15, got["tcpi_wscales"] >> 4
    memory = struct.unpack(f"{len(MEMORY)}I", option(fd, 1, MORE["SO_MEMINFO"], 4 * len(MEMORY)))
    return CONSTANTS | got | {f"SK_MEMINFO_{name}": value for name, value in zip(MEMORY, memory)}
