import { CT } from '../../../targets/CT.ts';
import { NOTRACK } from '../../../targets/NOTRACK.ts';
import { TRACE } from '../../../targets/TRACE.ts';
import type { Subject } from './subject.ts';

const ALL_EVENTS = 'new,related,destroy,reply,assured,protoinfo,helper,mark,natseqinfo,secmark';

export const tracking: readonly Subject[] = [
  {
    target: NOTRACK,
    table: 'raw',
    chain: 'PREROUTING',
    rules: [
      ['', '='],
      ['<|--foo|>', { fails: 'unknown option "--foo"' }],
    ],
    lists: [['', 'NOTRACK']],
  },
  {
    target: TRACE,
    table: 'raw',
    chain: 'OUTPUT',
    rules: [['', '=']],
    lists: [['', '']],
  },
  {
    target: CT,
    table: 'raw',
    chain: 'PREROUTING',
    rules: [
      ['', '='],
      ['--notrack', '='],
      ['--notr', '--notrack'],
      // With notrack the kernel looks at nothing else, but keeps it.
      ['--notrack --helper a-b_c.d --timeout ab --ctevents new --expevents new --zone-orig 5', '='],
      ['--notrack --helper 0123456789012345678', '--notrack --helper 012345678901234'],
      ['--notrack --helper ""', '--notrack'],
      ['-p tcp ; --helper ftp', '='],
      [
        '-p tcp ; --helper ftp --zone 1 --expevents new --ctevents new',
        '--helper ftp --ctevents new --expevents new --zone 1',
      ],
      ['-p udp ; --helper sip', '='],
      ['-p tcp ; --helper irc', '=', 4],
      [`--ctevents ${ALL_EVENTS}`, '='],
      ['--ctevents mark,new', '--ctevents new,mark'],
      ['--ctevents new,new', '--ctevents new'],
      ['--ctevents <|mark,new,|>', { fails: 'Unknown event type ""' }],
      ['--ctevents <|NEW|>', { fails: 'Unknown event type "NEW"' }],
      ['--ctevents <|foo|>', { fails: 'Unknown event type "foo"', hint: 'protoinfo' }],
      ['--expevents new', '='],
      ['--expevents <|destroy|>', { fails: 'Unknown event type "destroy"' }],
      ['--zone 0', ''],
      ['--zone 65535', '='],
      ['--zone 0x10', '--zone 16'],
      ['--zone MARK', '--zone mark'],
      ['--zone <|65536|>', { fails: 'Cannot parse 65536 as a zone ID' }],
      ['--zone <|mar|>', { fails: 'Cannot parse mar as a zone ID' }],
      ['--zone <|-1|>', { fails: 'Cannot parse -1 as a zone ID' }],
      ['--zone-orig 3', '='],
      ['--zone-reply mark', '='],
      // One id for all: both directions together are "zone", the last number wins, and "mark" stays.
      ['--zone-orig 1 --zone-reply 2', '--zone 2'],
      ['--zone 1 --zone-orig 2', '--zone-orig 2'],
      ['--zone-orig 2 --zone 1', '--zone-orig 1'],
      ['--zone mark --zone-orig 3', '--zone-orig mark'],
      ['--zone 5 --zone-reply mark', '--zone-reply mark'],
      ['--zone-orig 0 --zone 5', '--zone-orig 5'],
      ['--zone-reply 0', ''],
      ['--zone 1 <|--zone 2|>', { fails: 'CT: option "--zone" can only be used once.' }],
      ['<|! --notrack|>', { fails: 'CT: option "--notrack" cannot be inverted.' }],
    ],
    lists: [
      ['', 'CT'],
      ['--notrack --helper ftp --zone-orig 3', 'CT notrack helper ftp zone-orig 3'],
      ['--zone mark', 'CT zone mark'],
      ['--ctevents new,mark --expevents new', 'CT ctevents new,mark expevents new'],
    ],
  },
];
