import type { VirtualConnection } from '../../engine/services.ts';
import { ipvs as match } from '../../matches/ipvs.ts';
import { parseAddress } from '../../packet/address.ts';
import { ip6, tcp } from '../../packet/build.ts';
import { CT_ESTABLISHED } from '../../packet/packet.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { inConnection } from './connections.ts';
import { address, fewNames, not, number, sheet, some } from './sheet.ts';

const packet = ip6({}, tcp({ sport: 1024, dport: 80 }));
const found: VirtualConnection = {
  protocol: 6,
  address: parseAddress('2001:db8::80', 6)!,
  port: 80,
  method: 'MASQ',
  control: undefined,
};
const balanced = (more: Partial<VirtualConnection> = {}): PacketSetup => ({
  packet,
  services: { ipvs: () => ({ ...found, ...more }) },
});

function tracked(direction: 0 | 1): PacketSetup {
  const setup = inConnection(packet, CT_ESTABLISHED, { protocol: 6 }, (pkt) => {
    pkt.direction = direction;
  });
  return { ...setup, services: { ...setup.services, ipvs: () => found } };
}

export const sheets = [
  sheet({
    match,
    lacking: 'CONFIG_IP_VS',
    rows: {
      names: fewNames,
      rules: [
        ['--ipvs', '='],
        ['! --ipvs', '='],
        ['--vproto tcp', '--vproto 6'],
        ['--ipvs --vport http', '--vport 80'],
        [
          '--vportctl 21 --vmethod masq --vdir reply --vport 80 --vaddr 2001:db8::1/64 ! --vproto 17',
          '! --vproto 17 --vaddr 2001:db8::1/64 --vport 80 --vdir REPLY --vmethod MASQ --vportctl 21',
          6,
        ],
        ['! --vaddr 10.1.2.3/255.255.0.0', '! --vaddr 10.1.2.3/16', 4],
        ['--vport 70000', '--vport 4464'],
        ['', { fails: 'IPVS: At least one option is required' }],
        ['<|! --ipvs|> --vport 80', { fails: '! --ipvs cannot be together with other options' }],
        ['--vdir <|foo|>', { fails: 'ipvs: Bad value for "--vdir" option: "foo"' }],
        ['--vmethod <|foo|>', { fails: 'ipvs: Bad value for "--vmethod" option: "foo"' }],
        ['<|! --vdir ORIGINAL|>', { fails: 'ipvs: option "--vdir" cannot be inverted.' }],
        ['--vproto <|nosuch|>', { fails: 'unknown protocol "nosuch" specified' }],
        ['--vport <|nosuch|>', { fails: 'Port "nosuch" does not resolve to anything.' }],
        ['--vport 80 <|--vport 81|>', { fails: 'ipvs: option "--vport" can only be used once.' }],
      ],
      lists: [['! --vproto 17 --vdir original --vmethod IPIP', '! vproto 17 vdir ORIGINAL vmethod IPIP']],
      packets: [
        ['--ipvs', balanced(), 'match'],
        ['! --ipvs', balanced(), 'no match'],
        ['--ipvs', packet, 'no match'],
        ['! --ipvs', packet, 'match'],
        ['--vport 80', balanced(), 'match'],
        ['--vport 81', balanced(), 'no match'],
        ['! --vport 81', balanced(), 'match'],
        // What belongs to no service meets no condition, inverted or not.
        ['! --vport 81', packet, 'no match'],
        ['--vproto tcp --vmethod MASQ', balanced(), 'match'],
        ['--vproto tcp --vmethod GATE', balanced(), 'no match'],
        ['--vaddr 2001:db8::/64', balanced(), 'match'],
        ['! --vaddr 2001:db8::/64', balanced(), 'no match'],
        ['--vaddr 2001:db8::81', balanced(), 'no match'],
        ['--vportctl 21', balanced(), 'no match'],
        ['--vportctl 21', balanced({ control: 21 }), 'match'],
        ['! --vportctl 21', balanced(), 'match'],
        ['--vdir ORIGINAL', tracked(0), 'match'],
        ['--vdir REPLY', tracked(0), 'no match'],
        ['--vdir REPLY', tracked(1), 'match'],
        // Untracked: no direction.
        ['--vdir ORIGINAL', balanced(), 'no match'],
      ],
    },
    generate: (dice, family) =>
      some(
        dice,
        [
          `${dice.chance(0.1) ? '! ' : ''}--ipvs`,
          `${not(dice)}--vproto ${dice.pick(['tcp', 'udp', '132', '0', 'nosuch'])}`,
          `${not(dice)}--vaddr ${address(dice, family)}${dice.pick(['', '/24', '/0'])}`,
          `${not(dice)}--vport ${number(dice, 0xffff)}`,
          `${dice.chance(0.05) ? '! ' : ''}--vdir ${dice.pick(['ORIGINAL', 'reply', 'Reply', 'x'])}`,
          `${not(dice)}--vmethod ${dice.pick(['GATE', 'ipip', 'Masq', 'x'])}`,
          `${not(dice)}--vportctl ${number(dice, 0xffff)}`,
        ],
        0.4,
      ),
  }),
];
