# Echo requests, 20 ms apart; prints how many came back, as soon as all did or SECONDS after the last one was sent. ping(8) does not wait that long:
# once an answer is there it gives the others an interval, or two round trips, which a busy machine may take to run the three of us.
#
#   echo.py ADDRESS COUNT SECONDS
import contextlib
import os
import select
import socket
import struct
import sys
import time

INTERVAL = 0.02

address, count, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
is6 = ":" in address
sock = socket.socket(socket.AF_INET6 if is6 else socket.AF_INET, socket.SOCK_RAW, 58 if is6 else 1)
request, reply = (128, 129) if is6 else (8, 0)
ident = os.getpid() & 0xFFFF


def message(number):
    """The kernel fills in the checksum of ICMPv6 alone."""
    rest = struct.pack("!HH", ident, number) + bytes(56)
    words = struct.unpack("!%dH" % (len(rest) // 2), rest)
    total = (request << 8) + sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", request, 0, 0 if is6 else ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + rest


def answered():
    """The number in the answer that is there; none when it is something else."""
    octets = sock.recv(2048)
    kind, _, _, whose, number = struct.unpack("!BBHHH", octets[0 if is6 else 20 :][:8])
    return number if kind == reply and whose == ident else None


back = set()
sent, due, end = 0, time.monotonic(), None
while len(back) < count:
    now = time.monotonic()
    if sent < count and now >= due:
        with contextlib.suppress(OSError):  # no way there is no answer
            sock.sendto(message(sent), (address, 0))
        sent, due, end = sent + 1, now + INTERVAL, now + patience
    elif sent == count and now >= end:
        break
    elif select.select([sock], [], [], max((due if sent < count else end) - now, 0))[0]:
        back.add(answered())
        back.discard(None)
print(len(back))
