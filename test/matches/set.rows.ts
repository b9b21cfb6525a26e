import { withSets } from '../../engine/sets/for-rules.ts';
import { runIpset, Sets } from '../../engine/sets/index.ts';
import { noNames } from '../../grammar/names.ts';
import { set as match } from '../../matches/set.ts';
import { gre, icmp, icmp6, ip4, ip6, type Layer, tcp, udp } from '../../packet/build.ts';
import { seeded } from '../../testing/bare-services.ts';
import { not, number, sheet, some } from './sheet.ts';

/** As ipset commands: rows and the kernel begin with these. */
const setup = [
  'create port bitmap:port range 0-65535',
  'add port 80',
  'create ip hash:ip counters',
  'add ip 10.0.0.1 packets 5 bytes 1000',
  'add ip 10.0.0.2',
  'create masked hash:ip netmask 24',
  'add masked 10.1.2.3',
  'create net hash:net',
  'add net 10.0.0.0/8',
  'add net 10.9.0.0/16 nomatch',
  'add net 10.9.9.9',
  'create ipport hash:ip,port',
  'add ipport 10.0.0.1,80',
  'add ipport 10.0.0.1,icmp:ping',
  'add ipport 10.0.0.1,47:0',
  'create netport hash:net,port',
  'add netport 10.0.0.0/8,udp:53',
  'create three hash:ip,port,ip',
  'add three 10.0.0.1,80,10.0.0.9',
  'create threenet hash:ip,port,net',
  'add threenet 10.0.0.1,80,10.0.0.0/24',
  'create iface hash:net,iface',
  'add iface 10.0.0.0/8,tunA',
  'add iface 10.0.0.0/24,other',
  'add iface 10.9.0.0/16,tun wildcard',
  'create bits bitmap:ip range 10.0.0.0/24',
  'add bits 10.0.0.7',
  'create ip6 hash:ip family inet6',
  'add ip6 fd00::1',
  'create net6 hash:net family inet6',
  'add net6 fd00::/16',
  'add net6 fd00:9::/32 nomatch',
  'create port6 hash:ip,port family inet6',
  'add port6 fd00::1,icmpv6:ping',
  'add port6 fd00::1,443',
  'create list list:set',
  'add list bits',
  'add list ip',
  'add list net6',
  'create empty list:set',
  'create old hash:ip timeout 100',
];

const sets = new Sets(seeded(1));
for (const line of setup) {
  const { exitCode, stderr } = runIpset(sets, { argv: line.split(' '), names: noNames, now: 0 });
  if (exitCode !== 0) throw new Error(`${line}: ${stderr}`);
}

const from4 = (src: string, layer: Layer = udp({ sport: 53, dport: 53 }), dst = '10.0.0.9') => ip4({ src, dst }, layer);
const from6 = (src: string, layer: Layer = udp({ sport: 53, dport: 53 })) => ip6({ src, dst: 'fd00::2' }, layer);
const web = tcp({ sport: 1000, dport: 80, flags: 'S' });

export const sheets = [
  sheet({
    match,
    setup: setup.map((line) => `ipset ${line}`),
    rows: {
      names: withSets(noNames, sets),
      services: { sets },
      rules: [
        ['--match-set port src', '='],
        ['! --match-set list src,dst', '='],
        ['--match-set ip src', '=', 4],
        ['--match-set ip6 src,dst,src', '=', 6],
        ['--set port src', '--match-set port src'],
        ['--match-set port srcfoo', '--match-set port src'],
        ['--match-set port src,dst,src,dst,src,dst', '='],
        ['--match-set port src --return-nomatch --return-nomatch', '--match-set port src --return-nomatch'],
        ['--match-set port src --update-counters --update-subcounters', '--match-set port src'],
        [
          '--packets-gt 0 --bytes-lt 0x10 --match-set port src ! --update-subcounters ! --update-counters',
          '--match-set port src ! --update-counters ! --update-subcounters --packets-gt 0 --bytes-lt 16',
        ],
        ['--match-set port src ! --packets-eq 3 --bytes-eq 18446744073709551615', '='],
        ['', { fails: "You must specify `--match-set' with proper arguments" }],
        ['--packets-eq 3', { fails: "You must specify `--match-set' with proper arguments" }],
        ['--match-set <|nope src|>', { fails: "Set nope doesn't exist." }],
        ['--match-set ip6 src', { fails: 'The protocol family of set ip6 is IPv6, which is not applicable.' }, 4],
        ['--match-set ip src', { fails: 'The protocol family of set ip is IPv4, which is not applicable.' }, 6],
        ['--match-set port src,', { fails: "You must spefify (the comma separated list of) 'src' or 'dst'." }],
        ['--match-set port src,dst,src,dst,src,dst,src', { fails: "Can't be more src/dst options than 6." }],
        [
          '--match-set 01234567890123456789012345678901 src',
          { fails: "setname `01234567890123456789012345678901' too long, max 31 characters." },
        ],
        ['--match-set port src <|--match-set port dst|>', { fails: '--match-set can be specified only once' }],
        ['--match-set port', { fails: '--match-set requires two args.' }],
        ['--match-set port src ! --return-nomatch', { fails: '--return-nomatch flag cannot be inverted' }],
        ['--match-set port src ! --packets-lt 4', { fails: '--packets-lt option cannot be inverted' }],
        [
          '--match-set port src --packets-eq 3 --packets-gt 4',
          { fails: 'only one of the --packets-[eq|lt|gt] is allowed' },
        ],
        ['--match-set port src --bytes-eq 3 --bytes-eq 4', { fails: 'only one of the --bytes-[eq|lt|gt] is allowed' }],
        [
          '--match-set port src --bytes-lt <|18446744073709551616|>',
          { fails: 'Cannot parse 18446744073709551616 as a counter value' },
        ],
      ],
      lists: [
        ['! --match-set port src,dst --return-nomatch', '! match-set port src,dst return-nomatch'],
        [
          '--match-set list src ! --update-counters ! --packets-eq 3 --bytes-gt 4',
          'match-set list src ! update-counters ! packets-eq 3 bytes-gt 4',
        ],
      ],
      packets: [
        ['--match-set ip src', from4('10.0.0.2'), 'match'],
        ['--match-set ip src', from4('10.0.0.3'), 'no match'],
        ['! --match-set ip src', from4('10.0.0.3'), 'match'],
        ['--match-set ip dst', from4('10.0.0.2'), 'no match'],
        ['--match-set ip src,dst', from4('10.0.0.2'), 'match'],
        ['--match-set masked src', from4('10.1.2.200'), 'match'],
        ['--match-set masked src', from4('10.1.3.3'), 'no match'],
        ['--match-set net src', from4('10.200.0.1'), 'match'],
        ['--match-set net src', from4('10.9.0.1'), 'no match'],
        ['--match-set net src', from4('10.9.9.9'), 'match'],
        ['--match-set net src --return-nomatch', from4('10.9.0.1'), 'match'],
        ['--match-set net src --return-nomatch', from4('10.9.9.9'), 'no match'],
        ['--match-set net src --return-nomatch', from4('11.9.9.9'), 'no match'],
        ['--match-set ip src --return-nomatch', from4('10.0.0.2'), 'match'],
        ['--match-set ipport src,dst', from4('10.0.0.1', web), 'match'],
        ['--match-set ipport src,src', from4('10.0.0.1', web), 'no match'],
        // Fewer flags than the members have parts: never.
        ['--match-set ipport src', from4('10.0.0.1', web), 'no match'],
        ['! --match-set ipport src', from4('10.0.0.1', web), 'match'],
        ['--match-set ipport src,dst', from4('10.0.0.1', icmp({ type: 8, code: 0 })), 'match'],
        ['--match-set ipport src,src', from4('10.0.0.1', icmp({ type: 8, code: 0 })), 'match'],
        ['--match-set ipport src,dst', from4('10.0.0.1', icmp({ type: 0, code: 0 })), 'no match'],
        ['--match-set ipport src,dst', from4('10.0.0.1', gre({ data: 4 })), 'match'],
        ['--match-set ipport src,dst', ip4({ src: '10.0.0.1', dst: '10.0.0.9', offset: 8 }, web), 'no match'],
        ['--match-set netport src,dst', from4('10.77.0.1'), 'match'],
        ['--match-set netport src,dst', from4('10.77.0.1', tcp({ dport: 53 })), 'no match'],
        ['--match-set three src,dst,dst', from4('10.0.0.1', web), 'match'],
        ['--match-set three src,dst,src', from4('10.0.0.1', web), 'no match'],
        ['--match-set three src,dst,dst,src', from4('10.0.0.1', web), 'match'],
        ['--match-set threenet src,dst,dst', from4('10.0.0.1', web, '10.0.0.77'), 'match'],
        ['--match-set threenet src,dst,dst', from4('10.0.0.1', web, '10.0.1.77'), 'no match'],
        ['--match-set iface src,src', { packet: from4('10.1.0.1'), in: 'tunA' }, 'match'],
        ['--match-set iface src,src', { packet: from4('10.1.0.1'), in: 'tunB' }, 'no match'],
        ['--match-set iface src,dst', { packet: from4('10.1.0.1'), in: 'tunA', out: '' }, 'no match'],
        ['--match-set iface src,src', { packet: from4('10.9.0.1'), in: 'tunB' }, 'match'],
        // The longest network that any device has decides: not the shorter one of this device.
        ['--match-set iface src,src', { packet: from4('10.0.0.1'), in: 'tunA' }, 'no match'],
        ['--match-set bits src', from4('10.0.0.7'), 'match'],
        ['--match-set bits src', from4('10.0.0.8'), 'no match'],
        ['--match-set bits src', from4('11.0.0.7'), 'no match'],
        ['--match-set port dst', from4('10.0.0.7', web), 'match'],
        ['--match-set port src', from4('10.0.0.7', web), 'no match'],
        ['--match-set port dst', from6('fd00::7', web), 'match'],
        ['--match-set port dst', from4('10.0.0.7', icmp({ type: 0, code: 80 })), 'no match'],
        ['--match-set ip6 src', from6('fd00::1'), 'match'],
        ['--match-set ip6 src', from6('fd00::2'), 'no match'],
        ['--match-set net6 src', from6('fd00:8::1'), 'match'],
        ['--match-set net6 src', from6('fd00:9::1'), 'no match'],
        ['--match-set net6 src', from6('fd01:9::1'), 'no match'],
        ['--match-set port6 src,dst', from6('fd00::1', icmp6({ type: 128, code: 0 })), 'match'],
        ['--match-set port6 src,dst', from6('fd00::1', tcp({ dport: 443 })), 'match'],
        ['--match-set port6 src,dst', from6('fd00::1', udp({ dport: 443 })), 'no match'],
        ['--match-set list src', from4('10.0.0.7'), 'match'],
        ['--match-set list src', from4('10.0.0.2'), 'match'],
        ['--match-set list src', from4('10.0.0.8'), 'no match'],
        ['--match-set list src', from6('fd00:8::1'), 'match'],
        ['--match-set empty src', from6('fd00:8::1'), 'no match'],
        ['--match-set list src --return-nomatch', from6('fd00:9::1'), 'match'],
        // The packet counts before the comparison. Each row begins with what the rows before it left.
        ['--match-set ip src ! --update-counters --packets-eq 5', from4('10.0.0.1'), 'match'],
        ['--match-set ip src ! --update-counters --packets-gt 5', from4('10.0.0.1'), 'no match'],
        ['--match-set ip src ! --update-counters ! --packets-eq 5', from4('10.0.0.1'), 'no match'],
        ['--match-set ip src ! --update-counters --bytes-lt 1001', from4('10.0.0.1'), 'match'],
        ['--match-set ip src ! --update-counters --bytes-gt 1000', from4('10.0.0.1'), 'no match'],
        ['--match-set masked src --packets-eq 5', from4('10.1.2.3'), 'match'],
      ],
    },
    generate: (dice, family) => {
      const name = dice.weighted([
        [6, dice.pick(family === 4 ? ['port', 'ip', 'net', 'list'] : ['port', 'ip6', 'net6', 'list'])],
        [0.5, dice.pick(['nope', 'ip', 'ip6'])],
      ]);
      const parts = Array.from({ length: dice.int(1, 7) }, () => dice.pick(['src', 'dst', 'dst', 'src', 'srcx']));
      if (dice.chance(0.03)) parts.push('foo');
      const compare = (which: string): string =>
        `${dice.chance(0.2) ? '! ' : ''}--${which}-${dice.pick(['eq', 'lt', 'gt'])} ${number(dice, 0xffff_ffff)}`;
      return some(
        dice,
        [
          `${not(dice)}--match-set ${name} ${parts.join(',')}`,
          dice.chance(0.9) ? `${not(dice)}--update-counters` : '! --return-nomatch',
          `${not(dice)}--update-subcounters`,
          '--return-nomatch',
          compare('packets'),
          compare('bytes'),
        ],
        0.6,
      );
    },
  }),
];
