# What stands in for pppd, which needs a device of the kernel: frames as RFC 1662 puts them on a line, and nothing above them.
#
#   ppp.py answer                                as pptpd starts it, the line on standard input: says each frame back with " heard" behind it
#   ppp.py call SERVER FRAMES SECONDS SOURCE...  calls from each of its addresses; says so many frames on each line, each again until it comes back or
#                                                SECONDS are over; prints "SOURCE: FRAMES heard" or what was not, and stays on the line; at SIGUSR1
#                                                says them again
import asyncio
import os
import signal
import socket
import sys
import time
import tty

FLAG, ESCAPE = 0x7E, 0x7D
HEADER = b'\xff\x03\x00\x57'  # to any station, unnumbered; IPv6


def check_sequence(octets):
    rest = 0xFFFF
    for octet in octets:
        rest ^= octet
        for _ in range(8):
            rest = rest >> 1 ^ (0x8408 if rest & 1 else 0)
    return (rest ^ 0xFFFF).to_bytes(2, 'little')


def framed(text):
    octets = HEADER + text
    out = bytearray([FLAG])
    for octet in octets + check_sequence(octets):
        out += bytes([ESCAPE, octet ^ 0x20]) if octet < 0x20 or octet in (FLAG, ESCAPE) else bytes([octet])
    return bytes(out + bytes([FLAG]))


def unframed(frame):
    """None: it is damaged, or there is none between two flags."""
    octets, escaped = bytearray(), False
    for octet in frame:
        if escaped or octet != ESCAPE:
            octets.append(octet ^ 0x20 if escaped else octet)
        escaped = not escaped and octet == ESCAPE
    whole = len(octets) > len(HEADER) + 2 and check_sequence(octets[:-2]) == octets[-2:]
    return bytes(octets[len(HEADER):-2]) if whole else None


def answer():
    tty.setraw(0)
    # pptpd lets nothing in before its own side has spoken.
    os.write(0, framed(b'ready'))
    rest = b''
    while octets := os.read(0, 65536):
        *frames, rest = (rest + octets).split(bytes([FLAG]))
        for text in filter(None, map(unframed, frames)):
            os.write(0, framed(text + b' heard'))


async def until_heard(reader, wanted):
    while unframed((await reader.readuntil(bytes([FLAG])))[:-1]) != wanted:
        pass


async def say(line, text, seconds):
    reader, writer = line
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        writer.write(framed(text))
        try:
            return await asyncio.wait_for(until_heard(reader, text + b' heard'), 0.5)
        except asyncio.TimeoutError:
            pass  # what is said before the other side is ready is lost
    raise TimeoutError


async def call(server, frames, seconds, source, again):
    ours, theirs = socket.socketpair()
    await asyncio.create_subprocess_exec(
        'pptp', server, '--nolaunchpppd', '--debug', '--nohostroute', '--localbind', source, stdin=theirs, stdout=asyncio.subprocess.DEVNULL
    )
    theirs.close()
    line = await asyncio.open_connection(sock=ours)
    while True:
        try:
            for number in range(frames):
                # Of many lengths, and with octets that are escaped.
                await say(line, f'{source} {number} '.encode() + bytes([ESCAPE, FLAG, 0]) * (number % 100), seconds)
            print(f'{source}: {frames} heard', flush=True)
        except TimeoutError:
            print(f'{source}: frame {number} not heard', flush=True)
        # Until this process is ended: then the lines are closed, and pptp hangs up.
        await again.wait()
        again.clear()


async def call_all(server, frames, seconds, *sources):
    agains = [asyncio.Event() for _ in sources]
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: [again.set() for again in agains])
    calls = (call(server, int(frames), float(seconds), *one) for one in zip(sources, agains))
    await asyncio.gather(*calls)


if sys.argv[1] == 'call':
    asyncio.run(call_all(*sys.argv[2:]))
else:
    answer()
