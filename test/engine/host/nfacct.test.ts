// The nfacct tool's words on our accounts, as nfacct 1.0.2 answers them.

import { expect, test } from 'vitest';
import { Accounts, count } from '../../../engine/host/accounts.ts';
import { runNfacct } from '../../../engine/host/nfacct.ts';

const zero = '{ pkts = 00000000000000000000, bytes = 00000000000000000000 } = ';

test('makes, lists, resets and deletes accounts', () => {
  const accounts = new Accounts();
  const nfacct = (words: string, stdin?: string) => runNfacct(accounts, words.split(' '), stdin);
  for (const words of ['add x', 'add q byte 1000', 'add p packet 2']) {
    expect(nfacct(words)).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  }
  expect(nfacct('list').stdout).toBe(
    `${zero}x;\n` +
      '{ pkts = 00000000000000000000, bytes = 00000000000000000000, quota = 00000000000000001000, mode = byte, overquota = no } = q;\n' +
      '{ pkts = 00000000000000000000, bytes = 00000000000000000000, quota = 00000000000000000002, mode = packet, overquota = no } = p;\n',
  );
  const p = accounts.get('p')!;
  expect([count(p, 100), count(p, 100), count(p, 100)]).toEqual([
    { over: false, reached: false },
    { over: false, reached: true },
    { over: true, reached: false },
  ]);
  const line =
    '{ pkts = 00000000000000000003, bytes = 00000000000000000300, quota = 00000000000000000002, mode = packet, overquota = yes } = p;\n';
  expect(nfacct('get p').stdout).toBe(line);
  expect(nfacct('get p reset').stdout).toBe(line);
  expect(p).toMatchObject({ packets: 0, bytes: 0, over: false });
  expect(JSON.parse(nfacct('list json').stdout).nfacct_counters[1]).toEqual({
    pkts: 0,
    bytes: 0,
    quota: 1000,
    mode: 'byte',
    overquota: 0,
    name: 'q',
  });
  expect(nfacct('list xml').stdout).toContain('<obj><name>x</name><pkts>00000000000000000000</pkts>');
  const saved = nfacct('list').stdout;
  accounts.inUse = (name) => name === 'q';
  expect(nfacct('flush').exitCode).toBe(0);
  expect(accounts.list().map(({ name }) => name)).toEqual(['q']);
  expect(nfacct('restore', saved).exitCode).toBe(0);
  expect(accounts.list()).toHaveLength(3);
  expect(nfacct('add q byte 5').exitCode).toBe(0);
  expect(accounts.get('q')?.quota).toEqual({ of: 'bytes', limit: 5 });
});

test.each([
  ['get nosuch', 'error: No such file or directory'],
  ['delete nosuch', 'error: No such file or directory'],
  ['delete x', 'error: Device or resource busy'],
  ['add x', 'error: Device or resource busy'],
  ['add', 'missing object name'],
  ['get', 'missing object name'],
  ['add y byte', 'missing quota value'],
  ['add y foo 5', 'argument must "byte" or "packet"'],
  ['add y byte x', 'error reading quota'],
  ['list foo', 'unknown argument'],
  ['foo', 'Unknown command: foo'],
])('%s: %s', (words, message) => {
  const accounts = new Accounts();
  accounts.open('x');
  accounts.inUse = () => true;
  expect(runNfacct(accounts, words.split(' '))).toEqual({
    stdout: '',
    stderr: `nfacct v1.0.2: ${message}\n`,
    exitCode: 1,
  });
});

test('names are cut as the kernel cuts them', () => {
  const accounts = new Accounts();
  runNfacct(accounts, ['add', 'a'.repeat(40)]);
  expect(accounts.get('a'.repeat(31))).toBeDefined();
});
