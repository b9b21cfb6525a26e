import { builtins } from 'sekisho';
import { firewall, tcp } from 'sekisho/testing';
import { expect, test } from 'vitest';
import { callback } from './callback.mjs';

const [CLIENT, ROUTER, SERVER] = ['192.168.1.30', '203.0.113.7', '198.51.100.9'];

const fw = () =>
  firewall({
    v4: new URL('rules.v4', import.meta.url),
    devices: { lan0: ['192.168.1.1/24'], wan0: { addresses: [`${ROUTER}/24`], routes: ['default'] } },
    extensions: { ...builtins, helpers: [callback] },
  });

test('the server calls back, and reaches the client behind the router', () => {
  const wall = fw();
  const control = wall.flow(tcp(CLIENT, SERVER, { sport: 40_000, dport: 7_000 }));
  control.connect();
  control.reply('hello\n');
  const callBack = tcp(SERVER, ROUTER, { sport: 999, dport: 5_000 });
  expect(wall.send(callBack).verdict).toBe('dropped');

  expect(control.send('CALLBACK 5000\n').verdict).toBe('accepted');
  const arrived = wall.send(callBack);
  expect(arrived.verdict).toBe('accepted');
  expect(arrived.out[0]).toMatchObject({ device: 'lan0' });
  // Once only.
  expect(wall.send(tcp(SERVER, ROUTER, { sport: 998, dport: 5_000 })).verdict).toBe('dropped');
});

test('a second client that wants the same port gets another one, and the server is told so', () => {
  const wall = fw();
  const said = [CLIENT, '192.168.1.31'].map((client) => {
    const control = wall.flow(tcp(client, SERVER, { sport: 40_000, dport: 7_000 }));
    control.connect();
    control.reply('hello\n');
    return new TextDecoder().decode(control.send('CALLBACK 5000\n').out[0].bytes).match(/CALLBACK \d+/)?.[0];
  });
  expect(said[0]).toBe('CALLBACK 5000');
  expect(said[1]).toMatch(/^CALLBACK (?!5000)\d+$/);
});
