// Entries as text, against lines that a 6.18 kernel and conntrack 1.4.7 printed (test/kernel/conntrack.test.ts compares more of them).

import { describe, expect, test } from 'vitest';
import { readFlow } from '../../conntrack/flow.ts';
import { describe as describeEntry, procLine, toolLine } from '../../conntrack/format.ts';
import { flowJson } from '../../conntrack/text/json.ts';
import { plainLine } from '../../conntrack/text/plain.ts';
import { xmlElement } from '../../conntrack/text/xml.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import * as build from '../../packet/build.ts';
import { newTracker, pass } from './player.ts';

const back4 = { src: '10.0.2.2', dst: '10.0.1.2' };
const back6 = { src: 'fd00:b::2', dst: 'fd00:a::2' };

/** The lines about what the packets opened. */
function lines(packets: Uint8Array[], sysctls: Record<string, number> = {}): { proc: string; tool: string } {
  const tracker: ConnectionTracker = newTracker();
  tracker.sysctls.set('net.netfilter.nf_conntrack_checksum', 0);
  for (const [name, value] of Object.entries(sysctls)) tracker.sysctls.set(`net.netfilter.nf_conntrack_${name}`, value);
  let id = -1;
  for (const octets of packets) id = pass(tracker, octets, 0).connection;
  return { proc: procLine(tracker, id, 0), tool: toolLine(tracker, id, 0) };
}

describe('an entry', () => {
  test('of TCP', () => {
    const ports = { sport: 40_000, dport: 80 };
    const { proc, tool } = lines([
      build.ip4({}, build.tcp({ ...ports, flags: 'S', seq: 1 })),
      build.ip4(back4, build.tcp({ sport: 80, dport: 40_000, flags: 'SA', seq: 9, ack: 2 })),
      build.ip4({}, build.tcp({ ...ports, flags: 'A', seq: 2, ack: 10 })),
    ]);
    const tuples =
      'src=10.0.1.2 dst=10.0.2.2 sport=40000 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=40000 [ASSURED]';
    expect(proc).toBe(`ipv4     2 tcp      6 432000 ESTABLISHED ${tuples} mark=0 zone=0 use=2`);
    expect(tool).toBe(`tcp      6 432000 ESTABLISHED ${tuples} mark=0 use=1`);
  });

  test('of UDP over IPv6, counted: /proc writes addresses in full', () => {
    const ends = { sport: 1, dport: 80, data: 1 };
    const { proc, tool } = lines([build.ip6({}, build.udp(ends))], { acct: 1, timestamp: 1 });
    expect(proc).toBe(
      'ipv6     10 udp      17 30 src=fd00:000a:0000:0000:0000:0000:0000:0002 dst=fd00:000b:0000:0000:0000:0000:0000:0002 ' +
        'sport=1 dport=80 packets=1 bytes=49 [UNREPLIED] src=fd00:000b:0000:0000:0000:0000:0000:0002 ' +
        'dst=fd00:000a:0000:0000:0000:0000:0000:0002 sport=80 dport=1 packets=0 bytes=0 mark=0 zone=0 delta-time=0 use=2',
    );
    expect(tool).toBe(
      'udp      17 30 src=fd00:a::2 dst=fd00:b::2 sport=1 dport=80 packets=1 bytes=49 [UNREPLIED] src=fd00:b::2 ' +
        'dst=fd00:a::2 sport=80 dport=1 packets=0 bytes=0 mark=0 delta-time=0 use=1',
    );
  });

  test('of ICMPv6', () => {
    const { tool } = lines([
      build.ip6({}, build.icmp6({ id: 7 })),
      build.ip6(back6, build.icmp6({ type: 129, id: 7 })),
    ]);
    expect(tool).toBe(
      'icmpv6   58 30 src=fd00:a::2 dst=fd00:b::2 type=128 code=0 id=7 src=fd00:b::2 dst=fd00:a::2 type=129 code=0 id=7 mark=0 use=1',
    );
  });

  test('of GRE: its timeouts stand in front in /proc', () => {
    const { proc, tool } = lines([build.ip4({}, build.gre({ version: 1, callId: 9 }))]);
    const tuples =
      'src=10.0.1.2 dst=10.0.2.2 srckey=0x0 dstkey=0x9 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 srckey=0x9 dstkey=0x0';
    expect(proc).toBe(`ipv4     2 gre      47 30 timeout=30, stream_timeout=180 ${tuples} mark=0 zone=0 use=2`);
    expect(tool).toBe(`gre      47 30 ${tuples} mark=0 use=1`);
  });

  test('of a protocol without tracker; the tool knows the name of DCCP', () => {
    expect(lines([build.ip4({}, build.raw(253, 4))]).tool).toBe(
      'unknown  253 600 src=10.0.1.2 dst=10.0.2.2 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 mark=0 use=1',
    );
    expect(lines([build.ip4({}, build.raw(33, 4))]).tool).toBe(
      'dccp     33 600 src=10.0.1.2 dst=10.0.2.2 sport=0 dport=0 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 sport=0 dport=0 mark=0 use=1',
    );
  });

  // libnetfilter_conntrack 1.0.9, given the same attributes; ct_seq_show() for /proc. A kernel shows contexts where a security module names them.
  test('with a security context: behind the mark', () => {
    const tracker = newTracker();
    tracker.sysctls.set('net.netfilter.nf_conntrack_events', 1);
    const id = pass(tracker, build.ip4({}, build.udp({ sport: 1, dport: 2, data: 1 })), 0).connection;
    const { connections } = tracker;
    connections.setMark(id, 7);
    connections.setSecmark(id, connections.contexts.numberOf('system_u:object_r:web_t:s0'));
    const flow = readFlow(tracker, id, 0);
    const context = 'secctx=system_u:object_r:web_t:s0';
    expect(procLine(tracker, id, 0)).toMatch(`sport=2 dport=1 mark=7 ${context} zone=0 use=2`);
    expect(plainLine({ ...flow, zoneOrig: 5, zoneReply: 5 })).toMatch(`sport=2 dport=1 mark=7 ${context} zone=5 use=1`);
    expect(xmlElement(flow)).toMatch('<mark>7</mark><secctx>system_u:object_r:web_t:s0</secctx><use>1</use>');
    expect(flowJson(flow)).toMatchObject({ mark: 7, secctx: 'system_u:object_r:web_t:s0' });
  });

  test('as scenarios have it', () => {
    const tracker = newTracker();
    const { connection } = pass(tracker, build.ip4({}, build.udp({ sport: 5, dport: 6 })), 0);
    tracker.connections.setMark(connection, 305_419_896);
    expect(describeEntry(tracker, connection, 500)).toEqual({
      family: 'ipv4',
      proto: 17,
      timeout: 29,
      state: null,
      flags: ['UNREPLIED'],
      orig: { src: '10.0.1.2', dst: '10.0.2.2', sport: 5, dport: 6 },
      reply: { src: '10.0.2.2', dst: '10.0.1.2', sport: 6, dport: 5 },
      mark: 305_419_896,
      zone: 0,
    });
  });
});
