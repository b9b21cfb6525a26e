// Rules that run, edited as the daemon does it: the engine is the data plane's own, across the copy that a thread's border makes.

import { describe, expect, test } from 'vitest';
import { builtinRegistry } from '../../control/extensions.ts';
import { hostNames } from '../../control/host-names.ts';
import { createEngine, type EngineRequest } from '../../control/live/engine.ts';
import { LiveRules } from '../../control/live/live-rules.ts';
import type { ToolName } from '../../control/socket/protocol.ts';
import { runTool } from '../../control/tool/tool.ts';
import { ip6, udp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { atOnce } from './at-once.ts';

class Live {
  /** Requests that the engine refuses instead of doing them. */
  refuse: ((request: EngineRequest) => boolean) | undefined;
  sent = 0;
  private readonly engine = createEngine({
    devices: [
      { name: 'inside', mtu: 1500 },
      { name: 'outside', mtu: 1500 },
    ],
    options: { mode: { kind: 'bridge', ports: ['inside', 'outside'] } },
    transmit: () => {
      this.sent++;
      return true;
    },
    emit: () => true,
  });
  private readonly rules = new LiveRules({
    registry: builtinRegistry(),
    names: hostNames(),
    ask: async (request) => {
      if (this.refuse?.(request)) throw new Error('the engine says no');
      return structuredClone(atOnce(this.engine.handle(structuredClone(request))));
    },
  });

  packet(dport = 53): void {
    const pkt = Packet.of(ip6({ src: 'fd00::1', dst: 'fd00::2' }, udp({ sport: 1000, dport })));
    this.engine.receive(0, pkt);
  }

  async call(line: string, stdin?: string) {
    const [program, ...argv] = line.split(' ');
    const { answer, changed } = await this.rules.edit(6, (ruleset) =>
      runTool({ program: program as ToolName, argv, stdin, date: new Date(0) }, ruleset),
    );
    return { ...answer, changed };
  }

  async says(line: string, stdin?: string): Promise<string> {
    const { stdout, stderr } = await this.call(line, stdin);
    return stdout + stderr;
  }

  load(...files: readonly string[]) {
    return this.rules.load(
      files.map((stdin) => [
        6,
        (ruleset) => runTool({ program: 'ip6tables-restore', argv: [], stdin, date: new Date(0) }, ruleset),
      ]),
    );
  }
}

describe('rules that run', () => {
  test('count, and go on counting when others come and go', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp -j ACCEPT');
    live.packet();
    live.packet();
    await live.call('ip6tables -I FORWARD -p tcp -j DROP');
    live.packet();
    expect(await live.says('ip6tables -vS FORWARD')).toBe(
      '-P FORWARD ACCEPT -c 0 0\n-A FORWARD -p tcp -c 0 0 -j DROP\n-A FORWARD -p udp -c 3 144 -j ACCEPT\n',
    );
    await live.call('ip6tables -D FORWARD 1');
    expect(await live.says('ip6tables -vS FORWARD 1')).toBe('-A FORWARD -p udp -c 3 144 -j ACCEPT\n');
    expect(live.sent).toBe(3);
  });

  test('know what time it is: this century', async () => {
    const live = new Live();
    await live.call('ip6tables -P FORWARD DROP');
    await live.call('ip6tables -A FORWARD -m time --datestart 2020-01-01 -j ACCEPT');
    live.packet();
    expect(live.sent).toBe(1);
  });

  test('are set to zero, one or all', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp');
    await live.call('ip6tables -A FORWARD -m mark --mark 0');
    live.packet();
    expect((await live.call('ip6tables -Z FORWARD 1')).changed).toBe(true);
    expect(await live.says('ip6tables -vS FORWARD')).toMatch(/-p udp -c 0 0[\s\S]*--mark 0x0 -c 1 48/);
    expect(await live.says('ip6tables -nvL FORWARD -Z')).toContain('    1    48 ');
    expect(await live.says('ip6tables -vS FORWARD')).not.toContain('48');
  });

  test('that came from a file jump to a chain by its new name', async () => {
    const live = new Live();
    await live.call(
      'ip6tables-restore',
      '*filter\n:FORWARD ACCEPT [0:0]\n:a - [0:0]\n-A FORWARD -p udp -j a\nCOMMIT\n',
    );
    await live.call('ip6tables -E a b');
    expect(await live.says('ip6tables -S')).toContain('-N b\n-A FORWARD -p udp -j b\n');
  });

  test('listing changes nothing', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp');
    for (const line of ['ip6tables -S', 'ip6tables -nvL', 'ip6tables-save -c', 'ip6tables -C FORWARD -p udp']) {
      expect((await live.call(line)).changed).toBe(false);
    }
  });

  test('policies decide and count', async () => {
    const live = new Live();
    await live.call('ip6tables -P FORWARD DROP');
    live.packet();
    expect(live.sent).toBe(0);
    expect(await live.says('ip6tables -vS FORWARD')).toBe('-P FORWARD DROP -c 1 48\n');
  });

  test('a broken file leaves the tables in front of its mistake, as the real tool does', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp -j DROP');
    const broken = '*raw\n-A PREROUTING -p tcp\nCOMMIT\n*filter\n:FORWARD ACCEPT\n-A FORWARD -j FOO\nCOMMIT\n';
    const { exitCode, stderr } = await live.call('ip6tables-restore', broken);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Error occurred at line: 6')]);
    expect(await live.says('ip6tables -S FORWARD')).toContain('-A FORWARD -p udp -j DROP');
    expect(await live.says('ip6tables -t raw -S')).toContain('-A PREROUTING -p tcp');
    live.packet();
    expect(live.sent).toBe(0);
  });

  test('what the engine refuses is as if it had not been said', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp -j DROP');
    live.packet();
    live.refuse = (request) => request.op === 'change' && request.end;
    const { exitCode, stderr, changed } = await live.call('ip6tables -F');
    expect([exitCode, stderr, changed]).toEqual([1, 'the engine says no\nThe rules were not changed.\n', false]);
    live.refuse = undefined;
    expect(await live.says('ip6tables -vS FORWARD')).toContain('-p udp -c 1 48 -j DROP');
    expect((await live.call('ip6tables -N web')).exitCode).toBe(0);
  });

  test('files are loaded all or none', async () => {
    const live = new Live();
    await live.call('ip6tables -A FORWARD -p udp -j DROP');
    const good = '*raw\n-A PREROUTING -p tcp\nCOMMIT\n';
    const { answer } = await live.load(good, '*filter\n-A FORWARD -j FOO\nCOMMIT\n');
    expect(answer.exitCode).toBe(2);
    expect(await live.says('ip6tables-save')).not.toContain('*raw');
    expect((await live.load(good, '*filter\nCOMMIT\n')).answer.exitCode).toBe(0);
    expect(await live.says('ip6tables-save')).toMatch(/^\*raw/m);
    expect(await live.says('ip6tables -S FORWARD')).toBe('-P FORWARD ACCEPT\n');
  });

  test('edits at once wait for each other', async () => {
    const live = new Live();
    await Promise.all(Array.from({ length: 20 }, (_, index) => live.call(`ip6tables -N chain${index}`)));
    expect((await live.says('ip6tables -S')).match(/^-N/gm)).toHaveLength(20);
  });
});
