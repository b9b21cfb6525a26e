import { srh as match } from '../../matches/srh.ts';
import { ip6, routing, udp } from '../../packet/build.ts';
import { address, not, number, sheet, some } from './sheet.ts';

/** Three segments: fd00::1 is visited last, fd00::2 is on its way to be, fd00::3 was first. */
function segmentRouting(change: Partial<Record<number, number>> = {}): Uint8Array {
  const packet = ip6({}, routing({ type: 4, addresses: ['fd00::1', 'fd00::2', 'fd00::3'], segmentsLeft: 1 }), udp());
  const header = { 4: 2, 6: 0x12, 7: 0x34, ...change };
  for (const [at, value] of Object.entries(header)) packet[40 + Number(at)] = value!;
  return packet;
}
const three = segmentRouting();

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', ''],
        ['! --srh-next-hdr 6 --srh-hdr-len-eq 5', '='],
        // One number for all comparisons of a field.
        [
          '--srh-hdr-len-eq 5 --srh-hdr-len-gt 6 ! --srh-last-entry-lt 1',
          '--srh-hdr-len-eq 6 --srh-hdr-len-gt 6 ! --srh-last-entry-lt 1',
        ],
        [
          '--srh-lsid ::3/128 ! --srh-psid ::1 --srh-tag 0x10 --srh-nsid 2001:DB8::/32',
          '--srh-tag 16 ! --srh-psid ::1/128 --srh-nsid 2001:db8::/32 --srh-lsid ::3/128',
        ],
        ['--srh-next-hdr <|tcp|>', { fails: 'srh: bad value for option "--srh-next-hdr", or out of range (0-255).' }],
        ['--srh-tag <|65536|>', { fails: 'srh: bad value for option "--srh-tag", or out of range (0-65535).' }],
        [
          '--srh-psid <|::1/129|>',
          { fails: 'srh: bad value for option "--srh-psid", neither a valid network mask nor valid CIDR (0-128).' },
        ],
      ],
      lists: [
        ['', 'srh'],
        [
          '! --srh-next-hdr 6 --srh-tag 5 --srh-psid ::1 ! --srh-lsid ::2/64',
          'srh next-hdr:!6 tag:5 psid  ::1/128 lsid ! ::2/64',
        ],
      ],
      packets: [
        ['', three, 'match'],
        ['', ip6({}, udp()), 'no match'],
        ['', ip6({}, routing({ type: 2, addresses: ['fd00::1'], segmentsLeft: 1 }), udp()), 'no match'],
        // More segments left than there are.
        ['', segmentRouting({ 3: 3 }), 'no match'],
        ['', segmentRouting({ 1: 60 }), 'no match'],
        ['--srh-next-hdr 17', three, 'match'],
        ['! --srh-next-hdr 17', three, 'no match'],
        ['--srh-hdr-len-eq 6', three, 'match'],
        ['--srh-hdr-len-gt 6', three, 'no match'],
        ['! --srh-hdr-len-gt 6', three, 'match'],
        ['--srh-hdr-len-lt 7', three, 'match'],
        ['--srh-segs-left-eq 1 --srh-last-entry-eq 2', three, 'match'],
        ['--srh-segs-left-gt 1', three, 'no match'],
        ['--srh-segs-left-lt 2', three, 'match'],
        ['--srh-last-entry-gt 1', three, 'match'],
        ['--srh-last-entry-lt 2', three, 'no match'],
        ['--srh-tag 0x1234', three, 'no match'],
        ['--srh-tag 0x3412', three, 'match'],
        ['! --srh-tag 0x3412', three, 'no match'],
        ['--srh-psid fd00::3', three, 'match'],
        ['! --srh-psid fd00::3', three, 'no match'],
        ['--srh-psid fd00::9/112', three, 'match'],
        ['--srh-psid fd00::2', three, 'no match'],
        ['--srh-nsid fd00::1', three, 'match'],
        ['--srh-lsid fd00::1', three, 'match'],
        ['--srh-lsid fd00::3', three, 'no match'],
        // There is no previous one, or no next one: not even an inverted condition holds.
        ['! --srh-psid ::1', segmentRouting({ 3: 2 }), 'no match'],
        ['! --srh-nsid ::1', segmentRouting({ 3: 0 }), 'no match'],
        ['--srh-nsid fd00::2', segmentRouting({ 3: 2 }), 'match'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          ...[
            'next-hdr',
            ...['hdr-len', 'segs-left', 'last-entry'].flatMap((f) => [`${f}-eq`, `${f}-gt`, `${f}-lt`]),
          ].map((name) => `${not(dice)}--srh-${name} ${number(dice, 255)}`),
          `${not(dice)}--srh-tag ${number(dice, 65_535)}`,
          ...['psid', 'nsid', 'lsid'].map(
            (name) => `${not(dice)}--srh-${name} ${address(dice, 6)}${dice.chance(0.5) ? `/${number(dice, 128)}` : ''}`,
          ),
        ],
        0.3,
      ),
  }),
];
