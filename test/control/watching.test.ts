// Events on the control socket: who gets them, and what becomes of those who do not read.

import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask, watch } from '../../control/socket/client.ts';
import { connectionEvents } from '../../control/socket/conntrack-client.ts';
import { type ControlServer, listen, type ServerLimits } from '../../control/socket/server.ts';
import { compileFilter, type EventFilter, parseFilter } from '../../control/watch/event-filter.ts';
import { type DaemonEvent, EVENT_KINDS, EventBus, type Happening, logged } from '../../control/watch/event-stream.ts';

describe('the bus', () => {
  const note = (text: string): Happening => ({ kind: 'note', text });

  test('hands events to those who want them, in order', async () => {
    const bus = new EventBus();
    const all = bus.watch({ kinds: EVENT_KINDS });
    const some = bus.watch({ kinds: ['note'], wants: ({ text }) => text !== 'b', show: ({ text }) => text });
    for (const text of ['a', 'b', 'c']) bus.publish(note(text), 5);
    bus.publish(logged({ now: 0, level: 4, text: 'IN=x' }), 6);
    expect(await some.take()).toEqual(['a', 'c']);
    expect(await all.take()).toEqual([
      { kind: 'note', text: 'a', at: 5 },
      { kind: 'note', text: 'b', at: 5 },
      { kind: 'note', text: 'c', at: 5 },
      { kind: 'log', level: 4, text: 'IN=x', at: 6 },
    ]);
    const waiting = some.take();
    bus.publish(note('d'));
    expect(await waiting).toEqual(['d']);
  });

  test('ends who lets too much wait, and tells why; others go on', async () => {
    const bus = new EventBus();
    const slow = bus.watch({ kinds: ['note'] }, 2);
    const quick = bus.watch({ kinds: ['note'], show: ({ text }) => text }, 10);
    for (const text of ['a', 'b', 'c', 'd']) bus.publish(note(text));
    expect([slow.goesOn, slow.ended]).toEqual([false, 'too slow: 2 events were waiting to be read']);
    expect(await quick.take()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('says which kinds are wanted, when that changes', () => {
    const told: string[][] = [];
    const bus = new EventBus((kinds) => told.push([...kinds].sort()));
    const first = bus.watch({ kinds: ['log', 'note'] });
    const second = bus.watch({ kinds: ['log'] });
    first.end();
    second.end();
    second.end();
    expect(told).toEqual([['log', 'note'], ['log'], []]);
  });

  test('tells of lost events who asked for their kind', async () => {
    const bus = new EventBus();
    const [connections, notes] = [bus.watch({ kinds: ['connection'] }), bus.watch({ kinds: ['note'] })];
    const lost: Happening = { kind: 'lost', of: 'connection', count: 3, text: '3 connection events were lost' };
    bus.publish(lost, 5);
    bus.publish(note('a'), 6);
    expect(await connections.take()).toEqual([{ ...lost, at: 5 }]);
    expect(await notes.take()).toEqual([{ kind: 'note', text: 'a', at: 6 }]);
  });

  test('an end wakes who waits', async () => {
    const bus = new EventBus();
    const watcher = bus.watch({ kinds: ['note'] });
    const nothing = watcher.take();
    bus.close('the daemon ends');
    expect(await nothing).toEqual([]);
    expect(watcher.ended).toBe('the daemon ends');
  });

  test('a rule that prints "TRACE: " is no trace', () => {
    expect(logged({ now: 0, level: 4, text: 'TRACE: x' }).kind).toBe('log');
    expect(logged({ now: 0, level: 4, text: 'TRACE: x', trace: true }).kind).toBe('trace');
  });
});

describe('a filter', () => {
  const line = (text: string): DaemonEvent => ({ kind: 'log', level: 4, at: 0, text });
  const tcp4 = line('IN=in0 OUT=out0 SRC=10.0.1.5 DST=10.0.2.9 LEN=60 PROTO=TCP SPT=1024 DPT=443 SYN');
  const icmp6 = line('IN=in0 OUT= SRC=fd00:0:0:1::5 DST=fd00::9 LEN=64 PROTO=ICMPv6 TYPE=128');
  const note: DaemonEvent = { kind: 'note', at: 0, text: 'rules loaded again' };
  const tuple = { src: '10.0.1.5', dst: '10.0.2.9', sport: 1024, dport: 443 };
  const connection: DaemonEvent = {
    kind: 'connection',
    type: 'new',
    at: 0,
    text: '    [NEW] tcp ...',
    entry: {
      family: 'ipv4',
      proto: 6,
      timeout: 1,
      state: 'SYN_SENT',
      flags: [],
      orig: tuple,
      reply: { src: '192.0.2.1', dst: '10.0.1.5', sport: 8443, dport: 1024 },
      mark: 0,
    },
  };
  test.each<[EventFilter, DaemonEvent[]]>([
    [{}, [tcp4, icmp6, note, connection]],
    [{ family: 4 }, [tcp4, connection]],
    [{ family: 6 }, [icmp6]],
    [{ protocol: 'tcp' }, [tcp4, connection]],
    [{ protocol: '58' }, [icmp6]],
    [{ protocol: 'icmpv6' }, [icmp6]],
    [{ port: 443 }, [tcp4, connection]],
    [{ port: 8443 }, [connection]],
    [{ address: '10.0.2.0/24' }, [tcp4, connection]],
    [{ address: '192.0.2.1' }, [connection]],
    [{ address: 'fd00:0:0:1::/64' }, [icmp6]],
    [{ address: '::/0' }, [icmp6]],
    [{ text: 'SYN' }, [tcp4]],
    [{ level: 3 }, [note, connection]],
    [{ types: ['destroy'] }, [tcp4, icmp6, note]],
  ])('%j', (filter, wanted) => {
    expect([tcp4, icmp6, note, connection].filter(compileFilter(filter))).toEqual(wanted);
  });

  test.each<[unknown, string]>([
    [[], '"filter" is an object'],
    ['x', '"filter" is an object'],
    [{ kinds: 'log' }, '"kinds" is a list of log, trace'],
    [{ kinds: ['logs'] }, '"kinds" is a list of log, trace'],
    [{ types: [1] }, '"types" is a list of new, update, destroy'],
    [{ level: 8 }, '"level" is a number from 0 to 7'],
    [{ port: '443' }, '"port" is a number from 0 to 65535'],
    [{ address: '10.0.0.0/33' }, '"10.0.0.0/33" is no address or prefix'],
    [{ address: '10.0.0.0/' }, '"10.0.0.0/" is no address or prefix'],
    [{ protocol: 'tpc' }, '"tpc" is no protocol'],
    [{ colour: 'red' }, 'a filter has no "colour"'],
  ])('%j is refused: %s', (filter, message) => {
    expect(() => parseFilter(filter)).toThrow(message);
  });
});

describe('watching through the socket', () => {
  let folder: string;
  let path: string;
  let server: ControlServer;
  const bus = new EventBus();
  const sockets: Socket[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-watch-'));
    path = join(folder, 'control.sock');
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
    bus.close('over');
    rmSync(folder, { recursive: true, force: true });
  });
  const serve = async (limits?: ServerLimits): Promise<void> => {
    server = await listen(
      path,
      (request) =>
        request.op === 'watch' ? bus.watch({ kinds: request.filter.kinds ?? EVENT_KINDS }, 100) : request.op,
      limits,
    );
  };
  const wanted = async (met: () => boolean): Promise<void> => {
    while (!met()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  /** A client that reads only when told to. */
  const reader = (): Socket => {
    const socket = createConnection(path);
    sockets.push(socket);
    socket.write('{"op":"watch"}\n');
    return socket.pause();
  };
  const textOf = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.resume();
    });

  test('events come until the client has had enough, and then nobody wants them any more', async () => {
    await serve();
    const seen: string[] = [];
    let enough = (): void => {};
    const watching = watch(
      path,
      { kinds: ['note'] },
      ({ text }) => {
        seen.push(text);
        if (text === 'second') enough();
      },
      new Promise<void>((resolve) => {
        enough = resolve;
      }),
    );
    await wanted(() => bus.kinds.has('note'));
    for (const text of ['first', 'second']) bus.publish({ kind: 'note', text });
    await watching;
    expect(seen).toEqual(['first', 'second']);
    await wanted(() => bus.kinds.size === 0);
  });

  test('a slow reader is dropped and told, and costs others nothing', async () => {
    await serve();
    const slow = reader();
    await wanted(() => bus.kinds.size > 0);
    for (let round = 0; bus.kinds.size > 0; round++) {
      bus.publish({ kind: 'note', text: 'x'.repeat(10_000) });
      if (round % 50 === 0) expect(await ask(path, { op: 'status' })).toBe('status');
    }
    expect(await textOf(slow)).toMatch(/\{"ok":false,"error":"too slow: 100 events were waiting to be read"\}\n$/);
  });

  test('the conntrack tool is told what was lost, and asks again when it was too slow', async () => {
    await serve();
    let enough = (): void => {};
    const until = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const batches = connectionEvents(path, 'connection', until);
    const first = batches.next();
    await wanted(() => bus.kinds.has('connection'));
    bus.publish({ kind: 'lost', of: 'connection', count: 7, text: '' });
    expect(await first).toMatchObject({ value: { events: [], lost: 7 } });
    const second = batches.next();
    bus.close('too slow: 100 events were waiting to be read');
    expect(await second).toMatchObject({ value: { events: [], lost: Number.POSITIVE_INFINITY } });
    await wanted(() => bus.kinds.has('connection'));
    const end = batches.next();
    enough();
    expect(await end).toMatchObject({ done: true });
  });

  test('the end of the daemon is told', async () => {
    await serve();
    const watching = watch(path, {}, () => {}, new Promise(() => {}));
    await wanted(() => bus.kinds.size > 0);
    bus.close('the daemon ends');
    await expect(watching).rejects.toThrow('the daemon ends');
  });

  test('no more watchers than there may be', async () => {
    await serve({ watchers: 1 });
    reader();
    await wanted(() => bus.kinds.size > 0);
    await expect(watch(path, {}, () => {}, new Promise(() => {}))).rejects.toThrow('1 clients are watching already');
  });

  test('watchers do not go to make room: who comes when all are busy is told so', async () => {
    await serve({ clients: 1 });
    reader();
    await wanted(() => bus.kinds.size > 0);
    await expect(ask(path, { op: 'status' })).rejects.toThrow('1 clients are being served already');
  });

  test('strangers are turned away at the door', async () => {
    await serve({ refuse: () => 'not you' });
    await expect(ask(path, { op: 'status' })).rejects.toThrow('not you');
  });
});
