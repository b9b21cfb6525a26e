import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { libc, must, SystemError } from '../../tun/libc.ts';
import { Poller } from '../../tun/linux.ts';
import { parsePrefix } from '../../tun/netlink.ts';
import { notifyServiceManager, peerCredentials, Waker } from '../../tun/os.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** A Unix datagram socket bound to a path (or, with NUL in front, an abstract name), as systemd's. */
function listenForDatagrams(name: string): number {
  const octets = new TextEncoder().encode(name);
  const address = new Uint8Array(2 + octets.length + (name.startsWith('\0') ? 0 : 1));
  address[0] = AF_UNIX;
  address.set(octets, 2);
  const socket = must(libc().socket(AF_UNIX, SOCK_DGRAM, 0), 'socket');
  must(libc().bind(socket, address, address.length), 'bind');
  return socket;
}

function receive(socket: number): string {
  const buffer = new Uint8Array(256);
  const length = libc().recv(socket, buffer, buffer.length, 0x40);
  return new TextDecoder().decode(buffer.subarray(0, length));
}

describe.skipIf(process.platform !== 'linux')('what Linux offers beyond Node', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-os-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the service manager is told, by path and by abstract name', () => {
    const path = join(folder, 'notify');
    const byPath = listenForDatagrams(path);
    const byName = listenForDatagrams(`\0sekisho-test-${process.pid}`);
    expect(notifyServiceManager('READY=1\nSTATUS=up', path)).toBe(true);
    expect(notifyServiceManager('STOPPING=1', `@sekisho-test-${process.pid}`)).toBe(true);
    expect([receive(byPath), receive(byName)]).toEqual(['READY=1\nSTATUS=up', 'STOPPING=1']);
    for (const socket of [byPath, byName]) libc().close(socket);
  });

  test('nobody to tell is no error', () => {
    expect(notifyServiceManager('READY=1', undefined)).toBe(false);
    expect(notifyServiceManager('READY=1', join(folder, 'nobody'))).toBe(false);
  });

  test('the other end of a Unix socket is known', async () => {
    const path = join(folder, 'control');
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const accepted = new Promise<Socket>((resolve) => server.on('connection', resolve));
    const client = connect(path);
    const socket = await accepted;
    // Node keeps the descriptor to itself; every program that asks for SO_PEERCRED has to take it from here.
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    expect(peerCredentials(fd)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    client.destroy();
    socket.destroy();
    server.close();
  });

  test('a waker ends a wait, until it is cleared', () => {
    const waker = new Waker();
    const poller = new Poller([waker.descriptor]);
    expect(poller.wait(0)).toBe(0);
    waker.wake();
    waker.wake();
    expect([poller.wait(1_000), poller.ready(0)]).toEqual([1, true]);
    waker.clear();
    expect([poller.wait(0), poller.ready(0)]).toEqual([0, false]);
    waker.close();
  });

  test('a failed call carries the reason', () => {
    expect(() => must(libc().close(-1), 'closing nothing')).toThrow('closing nothing: Bad file descriptor');
    expect(new SystemError('x', 13)).toMatchObject({ errno: 13, reason: 'Permission denied' });
  });
});

test.each([
  ['10.0.1.1/24', 4, 24],
  ['10.0.1.1', 4, 32],
  ['fd00::1/64', 6, 64],
  ['::/0', 6, 0],
])('prefix %s', (text, family, length) => {
  expect(parsePrefix(text)).toMatchObject({ family, length });
});

test.each(['10.0.1/24', '10.0.1.1/33', 'fd00::1/129', 'fd00::1/x', ''])('no prefix: "%s"', (text) => {
  expect(() => parsePrefix(text)).toThrow('is no address or prefix');
});
