import { createRoutes, DEFAULT_TOPOLOGY } from '../../engine/stack/routes.ts';
import { rpfilter as match } from '../../matches/rpfilter.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { sheet, some } from './sheet.ts';

const routes = createRoutes(DEFAULT_TOPOLOGY);
const from = (src: string, device: string, dst?: string): PacketSetup => ({
  packet: src.includes(':')
    ? ip6({ src, dst: dst ?? 'fd00:b::9' }, udp())
    : ip4({ src, dst: dst ?? '10.0.2.9' }, udp()),
  in: device,
  services: { routes },
});

export const sheets = [
  sheet({
    match,
    rows: {
      table: 'mangle',
      rules: [
        ['', ''],
        ['--invert --accept-local --validmark --loose', '--loose --validmark --accept-local --invert'],
        ['<|! --loose|>', { fails: 'rpfilter: option "--loose" cannot be inverted.' }],
        ['--loose <|--loose|>', { fails: 'rpfilter: option "--loose" can only be used once.' }],
      ],
      lists: [['--invert --loose', 'rpfilter loose invert']],
      packets: [
        ['', from('10.1.2.3', 'tunA'), 'match'],
        ['', from('10.1.2.3', 'tunB'), 'no match'],
        ['--loose', from('10.1.2.3', 'tunB'), 'match'],
        ['--invert', from('10.1.2.3', 'tunB'), 'match'],
        ['', from('192.0.2.1', 'tunB'), 'match'],
        ['', from('192.0.2.1', 'tunA'), 'no match'],
        ['', from('10.0.1.1', 'tunA'), 'no match'],
        ['--accept-local', from('10.0.1.1', 'tunA'), 'match'],
        ['--accept-local', from('10.0.1.1', 'tunB'), 'no match'],
        ['--accept-local --loose', from('10.0.1.1', 'tunB'), 'match'],
        ['', from('0.0.0.0', 'tunA', '255.255.255.255'), 'match'],
        ['', from('0.0.0.0', 'tunA', '224.0.0.5'), 'match'],
        ['', from('fd00:1::7', 'tunA'), 'match'],
        ['', from('fd00:1::7', 'tunB'), 'no match'],
        ['', from('2001:db8::1', 'tunB'), 'match'],
        ['', from('fd00:a::1', 'tunA'), 'no match'],
        ['--accept-local', from('fd00:a::1', 'tunB'), 'match'],
        ['', from('::', 'tunA'), 'match'],
        ['', from('fd00:a::', 'tunA'), 'no match'],
        ['--invert', from('10.1.2.3', 'lo'), 'no match'],
      ],
    },
    generate: (dice) => some(dice, ['--loose', '--validmark', '--accept-local', '--invert']),
  }),
];
