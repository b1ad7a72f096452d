# SPDX-License-Identifier: GPL-2.0
"""hold.py NAME FILE: keep a socket open that asked for congestion control NAME, and say so by making FILE."""
import pathlib
import socket
import sys
import time

holder = socket.socket()
holder.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, sys.argv[1].encode())
pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
