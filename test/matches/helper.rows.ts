import { helper as match } from '../../matches/helper.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED } from '../../packet/packet.ts';
import { inConnection } from './connections.ts';
import { not, sheet } from './sheet.ts';

const packet = ip4({}, udp());
const expectedBy = (master?: string) => inConnection(packet, CT_RELATED, { master });

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--helper ftp', '='],
        ['! --helper ftp', '='],
        ['--helper ""', '='],
        ['! --helper ""', '='],
        ['--helper a.b', '--helper "a.b"'],
        [`--helper ${'a'.repeat(33)}`, `--helper ${'a'.repeat(29)}`],
        ['', { fails: 'helper: option "--helper" must be specified' }],
        ['--helper ftp <|--helper tftp|>', { fails: 'helper: option "--helper" can only be used once.' }],
      ],
      lists: [
        ['--helper ftp', 'helper match "ftp"'],
        ['! --helper ""', 'helper match ! ""'],
      ],
      // Real expectations: test/conntrack/helpers/.
      packets: [
        ['--helper ftp', expectedBy('ftp'), 'match'],
        ['--helper ftp', expectedBy('tftp'), 'no match'],
        ['! --helper ftp', expectedBy('tftp'), 'match'],
        ['! --helper ftp', expectedBy('ftp'), 'no match'],
        ['--helper ftp-2121', expectedBy('ftp'), 'match'],
        ['--helper ft', expectedBy('ftp'), 'no match'],
        ['--helper ""', expectedBy('sip'), 'match'],
        ['! --helper ""', expectedBy('sip'), 'no match'],
        // A connection that a helper reads is not one that it expected.
        ['--helper ftp', inConnection(packet, CT_NEW, {}), 'no match'],
        ['! --helper ftp', inConnection(packet, CT_ESTABLISHED, {}), 'match'],
        ['--helper ""', expectedBy(), 'no match'],
        ['--helper ""', { packet, ctState: CT_INVALID }, 'no match'],
        ['! --helper ftp', { packet: ip6({}, udp()), ctState: CT_INVALID }, 'match'],
      ],
    },
    generate: (dice) => `${not(dice)}--helper ${dice.pick(['ftp', 'tftp', '""', 'a.b', 'sip-5060', 'x'.repeat(31)])}`,
  }),
];
