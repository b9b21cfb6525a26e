import { rt as match } from '../../matches/rt.ts';
import { fragment, ip6, raw, routing, udp } from '../../packet/build.ts';
import { address, list, not, number, range, sheet, some } from './sheet.ts';

const two = ip6({}, routing({ addresses: ['fd00::1', 'fd00::2'], segmentsLeft: 1 }), udp());
const three = ip6({}, routing({ addresses: ['fd00::1', 'fd00::9', 'fd00::2'], segmentsLeft: 1 }), udp());
const mobile = ip6({}, routing({ type: 2, addresses: ['fd00::1'], segmentsLeft: 1 }), udp());

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', ''],
        ['! --rt-type 2', '='],
        ['--rt-type 4294967295', '='],
        ['! --rt-segsleft :', ''],
        ['--rt-len 3 --rt-segsleft 6:5', '--rt-segsleft 6:5 --rt-len 3'],
        [
          '--rt-type 0 --rt-0-addrs ::1,2001:DB8::2 --rt-0-not-strict --rt-0-res',
          '--rt-type 0 --rt-0-res --rt-0-addrs ::1,2001:db8::2 --rt-0-not-strict',
        ],
        ['<|--rt-0-res|> --rt-type 0', { fails: "`--rt-type 0' required before `--rt-0-res'" }],
        ['! --rt-type 0 <|--rt-0-addrs ::1|>', { fails: "`--rt-type 0' required before `--rt-0-addrs'" }],
        ['--rt-type 0 <|--rt-0-not-strict|>', { fails: "`--rt-0-addr ...' required before `--rt-0-not-strict'" }],
        ['--rt-type 0 --rt-0-addrs <|::1/64|>', { fails: 'bad address: ::1/64' }],
        [
          '--rt-type 0 --rt-0-addrs <|::1,::2,::3,::4,::5,::6,::7,::8,::9,::a,::b,::c,::d,::e,::f,::10,::11|>',
          { fails: 'too many addresses specified' },
        ],
      ],
      lists: [
        ['--rt-type 4294967295', 'rt type:-1'],
        [
          '--rt-type 0 --rt-segsleft 1:2 --rt-len 3 --rt-0-res --rt-0-addrs ::1 --rt-0-not-strict',
          'rt type:0 segslefts:1:2 length:3 reserved 0-addrs ::1 0-not-strict',
        ],
      ],
      packets: [
        ['', two, 'match'],
        ['', ip6({}, udp()), 'no match'],
        ['--rt-type 2', mobile, 'match'],
        ['--rt-type 2', two, 'no match'],
        ['! --rt-type 2', two, 'match'],
        ['--rt-segsleft 1', two, 'match'],
        ['--rt-segsleft 2:', two, 'no match'],
        ['! --rt-segsleft 2:', two, 'match'],
        ['--rt-len 40', two, 'match'],
        ['! --rt-len 40', two, 'no match'],
        ['--rt-type 0 --rt-0-res', two, 'match'],
        ['--rt-type 0 --rt-0-res', ip6({}, routing({ data: Uint8Array.of(0, 0, 0, 1) }), udp()), 'no match'],
        ['--rt-type 0 --rt-0-addrs fd00::1,fd00::2', two, 'match'],
        ['--rt-type 0 --rt-0-addrs fd00::1', two, 'no match'],
        ['--rt-type 0 --rt-0-addrs fd00::2,fd00::1', two, 'no match'],
        ['--rt-type 0 --rt-0-addrs fd00::1,fd00::2', three, 'no match'],
        ['--rt-type 0 --rt-0-addrs fd00::1,fd00::2 --rt-0-not-strict', three, 'match'],
        ['--rt-type 0 --rt-0-addrs fd00::2,fd00::1 --rt-0-not-strict', three, 'no match'],
        ['--rt-type 0 --rt-0-addrs fd00::1,fd00::9,fd00::2,fd00::3 --rt-0-not-strict', three, 'no match'],
        ['', ip6({}, raw(43, Uint8Array.of(17, 0, 0))), 'drop'],
        ['--rt-type 3', ip6({}, raw(43, Uint8Array.of(17, 5, 0, 0, 0, 0, 0, 0))), 'drop'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 43 }), raw(43, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) => {
      const base = some(dice, [
        `${not(dice)}--rt-segsleft ${range(dice, 0xffff_ffff)}`,
        `${not(dice)}--rt-len ${number(dice, 0xffff_ffff)}`,
      ]);
      if (dice.chance(0.5)) return `${base} ${some(dice, [`${not(dice)}--rt-type ${number(dice, 0xffff_ffff)}`])}`;
      const most = dice.chance(0.1) ? 18 : 5;
      const addresses = list(
        dice,
        Array.from({ length: 5 }, () => address(dice, 6)),
        most,
      );
      const parts = ['--rt-type 0', `--rt-0-addrs ${addresses}`, '--rt-0-res', '--rt-0-not-strict'];
      return `${base} ${most < 18 && dice.chance(0.2) ? some(dice, parts) : parts.filter((_part, place) => place < 2 || dice.chance(0.8)).join(' ')}`;
    },
  }),
];
