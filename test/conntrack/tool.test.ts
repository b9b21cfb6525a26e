// The conntrack tool on a table in memory: what the kernel that tests run on has no part in (labels, JSON, memory, pages), and what needs no
// kernel to be seen. The rest is compared with the real tool: test/kernel/conntrack-tool.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowPacker, readFlow, unpack } from '../../conntrack/flow.ts';
import { procLine } from '../../conntrack/format.ts';
import type { Command } from '../../conntrack/tool/command.ts';
import { parseCommand } from '../../conntrack/tool/parse.ts';
import { newTracker } from './player.ts';
import { type TestTool, type TestWorld, testTool } from './tool-world.ts';

const NOW = 5_000_000;

const VERSION = 'conntrack v1.4.7 (conntrack-tools)';
const LABELS = '# of a test\n0 eth0-in\n2 bulk\n127 top\n';

function table(world: TestWorld = {}): { tool: TestTool; tracker: ReturnType<typeof newTracker> } {
  const tracker = newTracker();
  return { tracker, tool: testTool(tracker, () => NOW, world) };
}

const UDP = '-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 53 -t 60'.split(' ');

describe('labels', () => {
  test('are set, added, taken away and looked for by their names', async () => {
    const { tool, tracker } = table({ labels: LABELS });
    tracker.connections.labelling.wanted = true;
    await tool.run('-I', ...UDP, '--label-add', 'bulk');
    expect((await tool.run('-L', '-o', 'labels')).stdout).toMatch(/ use=1 labels=bulk\n$/);
    expect((await tool.run('-U', '-s', '10.0.0.1', '--label-add', 'top,eth0-in')).code).toBe(0);
    expect((await tool.run('-L', '-o', 'labels', '-l', 'top,bulk')).stdout).toMatch(/labels=eth0-in,bulk,top\n$/);
    expect((await tool.run('-L', '-o', 'xml,labels')).stdout).toContain(
      '<labels><label>eth0-in</label><label>bulk</label><label>top</label></labels>',
    );
    await tool.run('-U', '-s', '10.0.0.1', '--label-del', 'bulk');
    expect((await tool.run('-L', '-l', 'bulk')).stdout).toBe('');
    await tool.run('-U', '-s', '10.0.0.1', '--label-del');
    expect((await tool.run('-L', '-l', 'top')).stdout).toBe('');
  });

  test('a connection made while no rule asked for labels has no room for any', async () => {
    const { tool } = table({ labels: LABELS });
    await tool.run('-I', ...UDP);
    expect((await tool.run('-U', '-s', '10.0.0.1', '--label-add', 'bulk')).stderr).toContain(
      'Operation failed: No space left on device\n',
    );
  });

  test('a name that is none, and names that are nowhere', async () => {
    expect((await table({ labels: LABELS }).tool.run('-L', '-l', 'nothing')).stderr).toMatch(
      /^conntrack v1\.4\.7 \(conntrack-tools\): unknown label 'nothing'\n/,
    );
    expect((await table().tool.run('-L', '-l', 'bulk')).stderr).toMatch(
      /^nfct_labelmap_new: No such file or directory\n/,
    );
  });
});

describe('ours', () => {
  test('--json tells what the line does', async () => {
    const { tool } = table();
    await tool.run('-I', '-p', 'tcp', ...UDP.slice(2), '--state', 'ESTABLISHED', '-u', 'ASSURED', '-m', '7', '-w', '3');
    expect(JSON.parse((await tool.run('-L', '--json')).stdout)).toEqual({
      id: 0,
      family: 'ipv4',
      protocol: 'tcp',
      protonum: 6,
      timeout: 60,
      state: 'ESTABLISHED',
      status: ['ASSURED'],
      orig: { src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 53 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: 1 },
      mark: 7,
      zone: 3,
    });
    expect((await tool.run('-C', '--json')).stdout).toBe('{"count":1}\n');
    expect(JSON.parse((await tool.run('-S', '--json')).stdout)).toMatchObject({ insert: 1, early_drop: 0 });
  });

  test('-o proc is the line of /proc', async () => {
    const { tool, tracker } = table();
    await tool.run('-I', ...UDP);
    expect((await tool.run('-L', '-o', 'proc')).stdout).toBe(`${procLine(tracker, 0, NOW)}\n`);
    await tool.run('-I', '-p', 'udp', '-s', 'fd00::1', '-d', 'fd00::2', '--sport', '1', '--dport', '53', '-t', '60');
    expect(await tool.run('-L', '-o', 'ip_conntrack')).toEqual({
      stdout:
        'udp      17 60 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=1 mark=0 use=2\n',
      stderr: `${VERSION}: 1 flow entries have been shown.\n`,
      code: 0,
    });
    const [head, counts] = (await tool.run('-S', '-o', 'proc')).stdout.split('\n');
    expect(counts.trim().split(/\s+/)).toHaveLength(head.trim().split(/\s+/).length);
  });

  test('--memory: octets by area, and who fills the table', async () => {
    const { tool } = table();
    for (const sport of ['1', '2', '3']) await tool.run('-I', ...UDP, '--sport', sport);
    await tool.run('-I', '-p', 'tcp', ...UDP.slice(2), '-s', '10.9.9.9', '--state', 'SYN_SENT');
    const { stdout } = await tool.run('--memory');
    expect(stdout).toMatch(/^4 connections \(limit 262144, room for \d+ without growing\)\n/);
    expect(stdout).toMatch(/ {2}state of tcp +\d+ /);
    expect(stdout).toMatch(/top sources\n +3 {2}10\.0\.0\.1\n +1 {2}10\.9\.9\.9\n$/);
    expect(stdout).toMatch(/by state\n +3 {2}udp unreplied\n +1 {2}tcp SYN_SENT\n/);
  });

  test('more connections than a page holds are all listed, once', async () => {
    const { tool } = table();
    const lines = Array.from({ length: 2_500 }, (_, index) => ['-I', ...UDP, '--sport', String(index + 1)].join(' '));
    const { tool: loader, tracker } = table({ files: { flows: lines.join('\n') } });
    expect(await loader.run('-R', 'flows')).toEqual({ stdout: '', stderr: '', code: 0 });
    expect(tracker.table.count).toBe(2_500);
    const { stdout, stderr } = await loader.run('-L');
    expect(new Set(stdout.match(/sport=\d+ dport=53 /g)).size).toBe(2_500);
    expect(stderr).toBe(`${VERSION}: 2500 flow entries have been shown.\n`);
    expect((await loader.run('-F')).code).toBe(0);
    expect(tracker.table.count).toBe(0);
    expect((await tool.run('-C')).stdout).toBe('0\n');
  });

  test('lost events are told with their number', async () => {
    const { tool } = table({ events: [12, Number.POSITIVE_INFINITY].map((lost) => ({ events: [], lost })) });
    // The real tool's first line, and what its netlink socket cannot tell.
    const warning = 'WARNING: We have hit ENOBUFS! We are losing events.\n';
    const reason = 'events were lost: they came faster than they were read.\n';
    const end = `${VERSION}: 0 flow events have been shown.\n`;
    expect((await tool.run('-E')).stderr).toBe(`${warning}12 ${reason}${warning}Some ${reason}${end}`);
  });
});

describe('files of commands', () => {
  const file = async (text: string): Promise<{ code: number; stderr: string }> => {
    const { tool } = table({ files: { flows: text } });
    return tool.run('-R', 'flows');
  };

  test('comments, blank lines and quotes', async () => {
    expect(await file(`# three\n\n-I ${UDP.join(' ')}\n-U -s "10.0.0.1" -m 4\n-D -m 4\n`)).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  test('all of it is read before anything is done', async () => {
    const { tool, tracker } = table({ files: { flows: `-I ${UDP.join(' ')}\n-I -p udp\n` } });
    expect((await tool.run('-R', 'flows')).code).toBe(2);
    expect(tracker.table.count).toBe(0);
  });

  test('the first that fails ends it', async () => {
    const twice = `-I ${UDP.join(' ')}\n-I ${UDP.join(' ')}\n-I ${UDP.join(' ')} --sport 2\n`;
    const { tool, tracker } = table({ files: { flows: twice } });
    expect(await tool.run('-R', 'flows')).toMatchObject({
      code: 1,
      stderr: `${VERSION}: Operation failed: Such conntrack exists, try -U to update\n`,
    });
    expect(tracker.table.count).toBe(1);
  });
});

test('any words: a command, or a complaint', () => {
  const words = [
    '-L',
    '-D',
    '-I',
    '-U',
    '-p',
    'tcp',
    '-s',
    '10.0.0.1/8',
    '--',
    '-',
    '',
    '=',
    '-o',
    'x,y',
    '-n',
    '[::1]:5',
    '-u',
    '-Lx',
    '--sport',
    '5',
  ];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...words), fc.string())), (argv) => {
      let command: Command | undefined;
      try {
        command = parseCommand(argv, { protocol: () => undefined, labels: () => undefined }, []);
      } catch (error) {
        expect((error as Error).constructor.name).toBe('Complaint');
      }
      return command === undefined || command.letter !== undefined;
    }),
    { seed: 20261123, numRuns: 500 },
  );
});

test('flows are packed and unpacked, one behind the other', async () => {
  const { tool, tracker } = table();
  tracker.sysctls.set('net.netfilter.nf_conntrack_acct', 1);
  tracker.sysctls.set('net.netfilter.nf_conntrack_timestamp', 1);
  await tool.run('-I', ...UDP, '-n', '10.7.7.7:70');
  await tool.run(
    '-I',
    '-p',
    'sctp',
    ...UDP.slice(2),
    '--state',
    'ESTABLISHED',
    '--orig-vtag',
    '4294967295',
    '--reply-vtag',
    '1',
  );
  await tool.run('-I', '-p', 'gre', '-s', 'fd00::1', '-d', 'fd00::2', '--srckey', '1', '--dstkey', '65535', '-t', '9');
  const packer = new FlowPacker();
  for (const id of [0, 1, 2]) packer.add(tracker, id, NOW, 0);
  const flows = [...unpack(packer.take(-1))];
  expect(flows).toEqual([0, 1, 2].map((id) => readFlow(tracker, id, NOW)));
  expect(flows[1]).toMatchObject({
    tags: [4_294_967_295, 1],
    orig: { counters: { packets: 0, bytes: 0 } },
    start: NOW,
  });
});
