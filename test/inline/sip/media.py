# Sound of one end of a call and its control, one port above:  media.py ADDRESS PORT FILE first|second SECONDS
# Waits for FILE, "ADDRESS PORT" of the other end as it was announced, and talks to that only. Who is first goes on until it is answered; who is
# second says nothing before it has heard something. Prints from where it heard, or after SECONDS what it did not.
import os
import socket
import sys
import time

address, port, announced, turn, seconds = sys.argv[1:]
family = socket.AF_INET6 if ':' in address else socket.AF_INET
over = time.monotonic() + float(seconds)


def opened(port):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.bind((address, port))
    one.settimeout(0.05)
    return one


lines = [opened(int(port)), opened(int(port) + 1)]
while not (os.path.exists(announced) and os.path.getsize(announced) > 3):
    if time.monotonic() > over:
        sys.exit('nothing was announced')
    time.sleep(0.01)
with open(announced) as file:
    there, first_port = file.read().split()

heard = [None, None]
while None in heard:
    if time.monotonic() > over:
        sys.exit('heard nothing' if heard == [None, None] else f'heard from {heard} only')
    for index, line in enumerate(lines):
        other = (there, int(first_port) + index)
        if turn == 'first':
            line.sendto(b'\x80\x00first', other)
        try:
            heard[index] = line.recvfrom(2000)[1][:2]
        except socket.timeout:
            continue
        if turn == 'second':
            line.sendto(b'\x80\x00second', other)
print(*(f'{host} {port}' for host, port in heard), 'announced', there, first_port)
