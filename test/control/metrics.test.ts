// Metrics: what they say, that Prometheus can read them, and that there are never too many.

import { get, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Statistics } from '../../conntrack/statistics.ts';
import type { CountedTable } from '../../control/live/live-rules.ts';
import { metricsOf, type Observed } from '../../control/watch/metrics.ts';
import { type MetricsServer, serveMetrics } from '../../control/watch/metrics-server.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { readExposition } from './exposition-reader.ts';

const rule = (comment?: string): RuleSpec =>
  ({ matches: comment === undefined ? [] : [{ name: 'comment', checked: { text: comment } }] }) as unknown as RuleSpec;

const forward = (...rules: [comment: string | undefined, packets: number, bytes: number][]): CountedTable => ({
  family: 6,
  name: 'filter',
  chains: [
    {
      spec: { name: 'FORWARD', builtin: 'FORWARD', policy: 'DROP', counters: { packets: 0, bytes: 0 }, rules: [] },
      policy: { packets: 7, bytes: 700 },
      rules: rules.map(([comment, packets, bytes]) => ({ rule: rule(comment), counters: { packets, bytes } })),
    },
  ],
});

const observed = (more: Partial<Observed> = {}): Observed => ({
  version: '1.2.3',
  startedAt: 1_500,
  running: true,
  restarts: 2,
  eventsLost: 3,
  linesLost: 4,
  devices: [['in0', { receivedPackets: 1, receivedBytes: 60, sentPackets: 2, sentBytes: 120, drops: { full: 5 } }]],
  engine: {
    memory: { connections: 9, room: 16, limit: 100, areas: { 'index (hash and id)': 64 }, total: 64 },
    statistics: Object.assign(new Statistics(), { invalid: 6, earlyDrop: 8 }),
    drops: [{ hook: 'FORWARD', reason: 'filter FORWARD policy', packets: 7 }],
  },
  tables: [forward(['web "in"\\out', 1, 10], [undefined, 2, 20], [undefined, 3, 30], ['web "in"\\out', 4, 40])],
  ...more,
});

describe('metrics', () => {
  test('of queues are there when devices have several', () => {
    const counts = { receivedPackets: 1, receivedBytes: 60, sentPackets: 2, sentBytes: 120, drops: {} };
    const queues = [
      { ...counts, held: 0 },
      { ...counts, receivedPackets: 8, held: 9 },
    ];
    const { text } = metricsOf(observed({ devices: [['in0', { ...counts, queues }]] }));
    expect(text).toContain('sekisho_queue_receive_packets_total{device="in0",queue="1"} 8\n');
    expect(text).toContain('sekisho_queue_transmit_bytes_total{device="in0",queue="0"} 120\n');
    expect(text).toContain('sekisho_queue_held_total{device="in0",queue="1"} 9\n');
    expect(readExposition(text).get('sekisho_device_receive_packets_total')?.samples).toHaveLength(1);
    expect(metricsOf(observed()).text).not.toContain('sekisho_queue');
  });

  test('are of the text format, each family once, and say what is counted', () => {
    const families = readExposition(metricsOf(observed()).text);
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      families
        .get(name)
        ?.samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))?.value;
    expect(value('sekisho_build_info', { version: '1.2.3' })).toBe(1);
    expect(value('sekisho_start_time_seconds')).toBe(1.5);
    expect(value('sekisho_dataplane_up')).toBe(1);
    expect(value('sekisho_dataplane_restarts_total')).toBe(2);
    expect(value('sekisho_events_lost_total')).toBe(3);
    expect(value('sekisho_log_lines_lost_total')).toBe(4);
    const chain = { family: 'ipv6', table: 'filter', chain: 'FORWARD' };
    expect(value('sekisho_rule_packets_total', { ...chain, comment: 'web "in"\\out' })).toBe(5);
    expect(value('sekisho_rule_bytes_total', { ...chain, comment: '' })).toBe(50);
    expect(value('sekisho_policy_packets_total', { ...chain, policy: 'DROP' })).toBe(7);
    expect(value('sekisho_rules', { family: 'ipv6', table: 'filter' })).toBe(4);
    expect(value('sekisho_device_receive_bytes_total', { device: 'in0' })).toBe(60);
    expect(value('sekisho_device_drops_total', { device: 'in0', reason: 'full' })).toBe(5);
    expect(value('sekisho_drops_total', { hook: 'FORWARD', reason: 'filter FORWARD policy' })).toBe(7);
    expect(value('sekisho_conntrack_entries')).toBe(9);
    expect(value('sekisho_conntrack_early_drop_total')).toBe(8);
    expect(value('sekisho_conntrack_memory_bytes', { area: 'index (hash and id)' })).toBe(64);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    for (const [name, { type }] of families)
      expect([name, type]).toEqual([name, name.endsWith('_total') ? 'counter' : 'gauge']);
  });

  test('while nothing passes there is none of the engine, and that is told', () => {
    const families = readExposition(
      metricsOf(observed({ running: false, engine: undefined, tables: [], devices: [['in0', undefined]] })).text,
    );
    expect(families.get('sekisho_dataplane_up')?.samples[0].value).toBe(0);
    expect([...families.keys()].filter((name) => /conntrack|rule|drops|device/.test(name))).toEqual([]);
  });

  test('there are never more series than a server can bear, and nothing is left out of the sums', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => [`rule ${index}`, 1, 1] as [string, number, number]);
    const drops = many.map(([reason], index) => ({ hook: 'INPUT' as const, reason, packets: index }));
    const { engine } = observed();
    const families = readExposition(
      metricsOf(observed({ tables: [forward(...many)], engine: engine && { ...engine, drops } })).text,
    );
    const sum = (name: string): number => families.get(name)?.samples.reduce((all, { value }) => all + value, 0) ?? 0;
    expect(families.get('sekisho_rule_packets_total')?.samples.length).toBeLessThanOrEqual(501);
    expect(sum('sekisho_rule_packets_total')).toBe(3_000);
    expect(families.get('sekisho_drops_total')?.samples.length).toBe(501);
    expect(sum('sekisho_drops_total')).toBe((3_000 * 2_999) / 2);
  });
});

describe('metrics over HTTP', () => {
  let server: MetricsServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  const ask = (path: string, method = 'GET'): Promise<{ status?: number; type?: string; text: string }> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: server?.port, path, method, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode, type: response.headers['content-type'], text }),
        );
      });
      asked.on('error', reject).end();
    });

  test('GET /metrics, and nothing else', async () => {
    server = await serveMetrics({ address: '127.0.0.1', port: 0 }, async () => 'up 1\n');
    expect(await ask('/metrics')).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      text: 'up 1\n',
    });
    expect((await ask('/metrics?x=1')).status).toBe(200);
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/metrics', 'POST')).status).toBe(405);
  });

  test('what cannot be read is told', async () => {
    server = await serveMetrics({ address: '127.0.0.1', port: 0 }, async () =>
      Promise.reject(new Error('the data plane is gone')),
    );
    expect(await ask('/metrics')).toMatchObject({ status: 503, text: 'the data plane is gone\n' });
  });

  test('a port that is taken is told', async () => {
    server = await serveMetrics({ address: '127.0.0.1', port: 0 }, async () => '');
    await expect(serveMetrics({ address: '127.0.0.1', port: server.port }, async () => '')).rejects.toThrow(
      /metrics: .*EADDRINUSE/,
    );
  });

  test('a flood of questions on one connection is one reading, and ends', async () => {
    let reads = 0;
    server = await serveMetrics({ address: '127.0.0.1', port: 0 }, async () => {
      reads++;
      await new Promise(setImmediate);
      return 'up 1\n';
    });
    const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.match(/^HTTP.1.1 200/gm)?.length).toBeLessThanOrEqual(100);
    expect(reads).toBeLessThan(10);
  });

  test('a client that never finishes does not keep it from closing', async () => {
    server = await serveMetrics({ address: '127.0.0.1', port: 0 }, () => new Promise(() => {}));
    const hung = get({ host: '127.0.0.1', port: server.port, path: '/metrics' }).on('error', () => {});
    await new Promise((resolve) => hung.once('socket', (socket) => socket.once('connect', resolve)));
    await server.close();
  });
});
