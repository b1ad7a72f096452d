# SPDX-License-Identifier: GPL-2.0
"""Keep a socket open that asked for the congestion control named on the command line."""
import socket
import sys
import time

holder = socket.socket()
holder.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, sys.argv[1].encode())
time.sleep(600)
