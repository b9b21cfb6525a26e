import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask, isServed, NotServed } from '../../control/socket/client.ts';
import type { Request } from '../../control/socket/protocol.ts';
import { type ControlServer, listen, type Serve, type ServerLimits } from '../../control/socket/server.ts';

let folder: string;
let path: string;
let server: ControlServer | undefined;
const sockets: Socket[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-socket-'));
  path = join(folder, 'control.sock');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Says what it was asked. */
const echo: Serve = (request) => (request.op === 'tool' ? request.argv : request.op);
const serve = async (act: Serve = echo, limits?: ServerLimits): Promise<void> => {
  server = await listen(path, act, limits);
};
const tool = (...argv: string[]): Request => ({ op: 'tool', program: 'iptables', argv });

/** A client of few manners: writes what it is told, gives all that came back when the other side hung up. */
function client(...writes: (string | Buffer)[]): { socket: Socket; said: Promise<string> } {
  const socket = createConnection(path);
  sockets.push(socket);
  for (const text of writes) socket.write(text);
  const said = new Promise<string>((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
  return { socket, said };
}

describe('the control socket', () => {
  test('is its owner’s alone, and gone when it is closed', async () => {
    await serve();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server?.close();
    expect(existsSync(path)).toBe(false);
  });

  test('answers requests in order, each client its own', async () => {
    await serve(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, request.op === 'status' ? 30 : 0));
      return echo(request);
    });
    const first = client('{"op":"status"}\n{"op":"reload"}\nnonsense\n{"op":"stop"}\n');
    expect(await ask(path, tool('-S'))).toEqual(['-S']);
    first.socket.end();
    expect(await first.said).toBe(
      '{"ok":true,"result":"status"}\n{"ok":true,"result":"reload"}\n{"ok":false,"error":"not a JSON text"}\n{"ok":true,"result":"stop"}\n',
    );
  });

  test('says no in the words of who serves', async () => {
    await serve(() => {
      throw new Error('not today');
    });
    await expect(ask(path, tool())).rejects.toThrow('not today');
  });

  test('many clients at once', async () => {
    await serve();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(path, tool(String(index)))));
    expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => [String(index)]));
  });

  test('half a message does not keep others waiting, and its client is cut off', async () => {
    await serve(echo, { patienceMs: 100 });
    const half = client('{"op":"sta');
    expect(await ask(path, tool('-S'))).toEqual(['-S']);
    expect(await half.said).toBe('');
  });

  test('octet by octet is no way to stay', async () => {
    await serve(echo, { patienceMs: 100 });
    const slow = client();
    const drip = setInterval(() => slow.socket.write('x'), 20);
    await slow.said;
    clearInterval(drip);
  });

  test('all clients together have a pace: who asks for more waits, and is answered', async () => {
    let served = 0;
    await serve(() => ++served, { pace: 2 });
    const many = client('{"op":"status"}\n'.repeat(3));
    while (served < 2) await new Promise(setImmediate);
    // The third waits for half a second, and so does everybody else.
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(served).toBe(2);
    many.socket.end();
    expect((await many.said).match(/"ok":true/g)).toHaveLength(3);
  });

  test('a line that is too long is refused and the connection ends', async () => {
    await serve(echo, { message: 1000 });
    const long = client('x'.repeat(2000));
    long.socket.end();
    expect(await long.said).toBe('{"ok":false,"error":"a message may have at most 1000 octets"}\n');
  });

  test('a flood is worked off one by one: nothing is read before the last answer was taken', async () => {
    let atOnce = 0;
    let most = 0;
    let served = 0;
    await serve(async () => {
      most = Math.max(most, ++atOnce);
      await new Promise(setImmediate);
      atOnce--;
      served++;
      return 'x'.repeat(100_000);
    });
    // This client never reads. What the system's buffers hold is all that it gets.
    const flood = createConnection(path);
    sockets.push(flood);
    flood.pause();
    flood.write('{"op":"status"}\n'.repeat(20_000));
    for (let index = 0; index < 20; index++) expect(await ask(path, tool())).toHaveLength(100_000);
    expect(most).toBeLessThanOrEqual(2);
    expect(served).toBeLessThan(1_000);
  });

  test('when there are too many clients, the one that has been waited for longest goes', async () => {
    await serve(echo, { clients: 4 });
    const idle = Array.from({ length: 4 }, () => client());
    await Promise.all(idle.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))));
    expect(await ask(path, tool('-S'))).toEqual(['-S']);
    expect(await idle[0].said).toBe('');
    expect(idle[1].socket.destroyed).toBe(false);
  });

  test('when all requests together are too long, the client with the longest goes, and the others are served', async () => {
    await serve(echo, { requests: 10_000 });
    const small = client('x'.repeat(3_000));
    const large = client('x'.repeat(6_000));
    const more = client('x'.repeat(3_000));
    expect(await large.said).toContain('of all clients together are too long');
    expect(await ask(path, tool('-S'))).toEqual(['-S']);
    expect([small.socket.destroyed, more.socket.destroyed]).toEqual([false, false]);
  });

  test('closing lets the answer in work go out', async () => {
    let begun = (): void => {};
    const working = new Promise<void>((resolve) => {
      begun = resolve;
    });
    await serve(async () => {
      begun();
      await new Promise((resolve) => setTimeout(resolve, 30));
      return 'done';
    });
    const answer = ask(path, tool());
    await working;
    await server?.close();
    expect(await answer).toBe('done');
  });
});

describe('two daemons', () => {
  test('the second is refused while the first serves', async () => {
    await serve();
    await expect(listen(path, echo)).rejects.toThrow(`another daemon serves ${path}`);
    expect(await ask(path, tool('still'))).toEqual(['still']);
  });

  test('a file that a crash left is taken over', async () => {
    const crashed = createServer().listen(path);
    await once(crashed, 'listening');
    renameSync(path, `${path}.kept`);
    crashed.close();
    renameSync(`${path}.kept`, path);
    expect(await isServed(path)).toBe(false);
    await serve();
    expect(await isServed(path)).toBe(true);
  });

  test('what is no socket is no daemon’s: it stays', async () => {
    writeFileSync(path, 'precious');
    await expect(listen(path, echo)).rejects.toThrow('is there, and no socket');
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  test('a path that no socket can have is named', async () => {
    await expect(listen(join(folder, 'x'.repeat(120)), echo)).rejects.toThrow('at most 107 octets');
  });
});

describe('asking', () => {
  test('nobody there', async () => {
    await expect(ask(path, tool())).rejects.toThrow(NotServed);
    writeFileSync(path, '');
    await expect(ask(path, tool())).rejects.toThrow(NotServed);
  });
});
