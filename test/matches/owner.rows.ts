import { owner as match } from '../../matches/owner.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { Owner } from '../../packet/packet.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { fewNames, not, number, sheet, some } from './sheet.ts';

const sentBy = (owner: Owner | undefined): PacketSetup => ({
  packet: ip6({}, udp()),
  set(pkt) {
    pkt.owner = owner;
  },
});

export const sheets = [
  sheet({
    match,
    rows: {
      names: fewNames,
      rules: [
        ['--uid-owner root', '--uid-owner 0'],
        ['! --gid-owner 0x5-9 --uid-owner 3-3 --socket-exists', '--socket-exists --uid-owner 3 ! --gid-owner 5-9'],
        ['--gid-owner 5 --suppl-groups', '='],
        ['', { fails: 'owner: At least one of --uid-owner, --gid-owner or --socket-exists is required' }],
        ['--uid-owner <|nobodyatall|>', { fails: 'owner: Bad value for "--uid-owner" option: "nobodyatall"' }],
        ['--uid-owner <|4294967295|>', { fails: 'owner: Bad value for "--uid-owner" option: "4294967295"' }],
        ['--uid-owner <|1-2-3|>', { fails: 'owner: Bad value for "--uid-owner" option: "1-2-3"' }],
        [
          '<|--suppl-groups|> --gid-owner 5',
          { fails: 'owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"' },
        ],
      ],
      lists: [
        [
          '! --uid-owner 0 --gid-owner 0-5',
          '! owner UID match 0 owner GID match 0-5',
          '! owner UID match root owner GID match 0-5',
        ],
        [
          '--gid-owner 0 --suppl-groups ! --socket-exists',
          '! owner socket exists owner GID match 0 incl. suppl. groups',
          '! owner socket exists owner GID match root incl. suppl. groups',
        ],
      ],
      packets: [
        ['--uid-owner 1000', sentBy({ uid: 1000, gid: 100 }), 'match'],
        ['--uid-owner 1001-2000', sentBy({ uid: 1000, gid: 100 }), 'no match'],
        ['! --uid-owner 1001-2000', sentBy({ uid: 1000, gid: 100 }), 'match'],
        ['--gid-owner 100', sentBy({ uid: 1000, gid: 100 }), 'match'],
        ['--gid-owner 27', sentBy({ uid: 1000, gid: 100, groups: [27] }), 'no match'],
        ['--gid-owner 27 --suppl-groups', sentBy({ uid: 1000, gid: 100, groups: [27] }), 'match'],
        ['! --gid-owner 27 --suppl-groups', sentBy({ uid: 1000, gid: 100, groups: [27] }), 'no match'],
        ['--socket-exists', sentBy({ uid: 1000, gid: 100 }), 'match'],
        ['! --socket-exists', sentBy({ uid: 1000, gid: 100 }), 'no match'],
        // No socket: only negations hold.
        ['--uid-owner 0', sentBy(undefined), 'no match'],
        ['! --uid-owner 0', sentBy(undefined), 'match'],
        ['! --socket-exists', sentBy(undefined), 'match'],
        // A socket without a process: it exists, but is nobody's.
        ['--socket-exists', sentBy({}), 'match'],
        ['--uid-owner 0', sentBy({}), 'no match'],
        ['! --uid-owner 0', sentBy({}), 'match'],
      ],
    },
    generate: (dice) => {
      const id = (): string =>
        dice.weighted([
          [5, number(dice, 0xffff_fffe)],
          [3, `${dice.int(0, 100)}-${dice.int(50, 2000)}`],
          [1, dice.pick(['root', 'nosuchname', '1-', '-', '5-x'])],
        ]);
      return some(
        dice,
        [
          `${not(dice)}--uid-owner ${id()}`,
          `${not(dice)}--gid-owner ${id()}${dice.chance(0.3) ? ' --suppl-groups' : ''}`,
          `${not(dice)}--socket-exists`,
        ],
        0.6,
      );
    },
  }),
];
