# Many connections at once, each with a port of its own. A server that gives back what it gets with the port in front that it came from, and
# clients of several kinds, which tell as JSON what became of each connection.
import json
import select
import socket
import sys
import threading


# Seconds without anything that came, on a machine that does other things too.
PATIENCE = 3


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def give_back(connection, peer):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(f'{peer[1]} '.encode() + data)


def serve_tcp(listener):
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=give_back, args=(connection, peer), daemon=True).start()


def serve(port):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
    udp.bind(('::', port))
    listener = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=500)
    threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
    while True:
        data, peer = udp.recvfrom(65535)
        udp.sendto(f'{peer[1]} '.encode() + data, peer)


class Flow:
    def __init__(self, address, port):
        self.socket = socket.socket(family(address), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        self.socket.connect((address, port))
        self.socket.setblocking(False)
        self.seen = []
        self.ports = set()
        self.refused = 0

    def send(self, number, size):
        try:
            self.socket.send(f'{number} '.encode().ljust(size, b'x'))
        except ConnectionRefusedError:
            self.refused += 1

    def take(self):
        try:
            port, number, _ = self.socket.recv(65535).split(b' ', 2)
            self.ports.add(int(port))
            self.seen.append(int(number))
        except ConnectionRefusedError:
            self.refused += 1
        except BlockingIOError:
            pass


def settle(flows, seconds, enough):
    """Takes what comes until nothing more does, or it is enough."""
    by_socket = {flow.socket: flow for flow in flows}
    while any(len(flow.seen) + flow.refused < enough for flow in flows):
        ready, _, _ = select.select(list(by_socket), [], [], seconds)
        if not ready:
            return
        for each in ready:
            by_socket[each].take()


def udp(address, port, count, each, size):
    flows = [Flow(address, port) for _ in range(count)]
    for number in range(each):
        for flow in flows:
            flow.send(number, size)
        # As fast as it goes, but never more than a few rounds ahead: a queue of a device holds 500 packets.
        settle(flows, PATIENCE, number - 2)
    settle(flows, PATIENCE, each)
    return [{'seen': flow.seen, 'ports': sorted(flow.ports), 'refused': flow.refused} for flow in flows]


def tcp(address, port, count):
    made = []
    for _ in range(count):
        one = socket.socket(family(address), socket.SOCK_STREAM)
        one.setblocking(False)
        made.append((one, one.connect_ex((address, port))))
    results = []
    for one, _ in made:
        # Refused ones are writable too.
        _, writable, _ = select.select([], [one], [], 10 * PATIENCE)
        error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        results.append('refused' if error else 'open' if writable else 'no answer')
    return results


role, *words = sys.argv[1:]
if role == 'serve':
    serve(int(words[0]))
elif role == 'udp':
    print(json.dumps(udp(words[0], *map(int, words[1:]))))
else:
    print(json.dumps(tcp(words[0], *map(int, words[1:]))))
