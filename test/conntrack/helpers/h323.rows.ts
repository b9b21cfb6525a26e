import type { Step } from '../../../testing/scenario/scenario-format.ts';
import { expects } from './h323.expects.ts';
import {
  type At,
  acf,
  arq,
  type Channel,
  connect,
  ELSEWHERES,
  everything,
  facility,
  GUARD_KINDS,
  type Guard,
  gcf,
  grq,
  irr,
  KINDS,
  lcf,
  lrq,
  NETWORKS,
  olc,
  olcAck,
  progress,
  q931,
  rcf,
  roundTrip,
  rrq,
  setup,
  tpkt,
  underWay,
  urq,
} from './h323-messages.ts';
import { end, type Family, type HelperRow, HOSTS, type Host, packet, rules, Talk } from './talk.ts';

const NAT = '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n';
const FAMILIES: readonly Family[] = [4, 6];
const [look]: Step[] = [{ ct: true }];

const at = (host: Host, family: Family, port: number): At => ({ address: HOSTS[host][family], port });

function row(name: string, helper: 'RAS' | 'Q.931', family: Family, steps: readonly Step[], nat: string): HelperRow {
  const [protocol, port] = helper === 'RAS' ? (['udp', 1719] as const) : (['tcp', 1720] as const);
  const called = `${name} over IPv${family}${nat && ', translated'}`;
  return {
    name: called,
    scenario: { [`v${family}rules`]: rules(helper, protocol, port, nat), steps: [...steps, look] },
    expects: expects[called] ?? [],
  };
}

/** Both families, and IPv4 translated: there alone is something written. */
const everyWay = (make: (family: Family, nat: string) => HelperRow): HelperRow[] => [
  ...FAMILIES.map((family) => make(family, '')),
  make(4, NAT),
];

// --- Calls -----------------------------------------------------------------------------------------------------------------

const talk = (family: Family, nat: string): Talk => {
  const server = end('server', family, 1720, nat ? at('outside', family, 40_000) : undefined);
  return new Talk(family, end('client', family, 40_000), server).open();
};

const calls = (name: string, say: (talk: Talk, family: Family, seen: Host) => Talk): HelperRow[] =>
  everyWay((family, nat) =>
    row(name, 'Q.931', family, say(talk(family, nat), family, nat ? 'outside' : 'client').steps, nat),
  );

const media = (family: Family, port = 5_000, host: Host = 'client') => ({
  media: at(host, family, port),
  control: at(host, family, port + 1),
});

/** Sound of `speaker` at that port, and its control, as /proc has them; over IPv4. */
const awaited = (speaker: 'client' | 'server', port: number): readonly string[] => {
  const [from, to] = speaker === 'client' ? [HOSTS.server[4], HOSTS.client[4]] : [HOSTS.client[4], HOSTS.server[4]];
  return [port, port + 1].map((one) => `l3proto = 2 proto=17 src=${from} dst=${to} sport=0 dport=${one} Q.931`);
};

/** What stands in front of addresses has to be read, whatever it is: a setup with such a channel. */
const ofOneKind = (name: string, channel: Channel): HelperRow => ({
  ...row(name, 'Q.931', 4, talk(4, '').client(tpkt(q931(setup({ fast: [{ ...media(4), ...channel }] })))).steps, ''),
  expects: awaited('client', 5_000),
});

/** H.235's tokens in front of the channels. */
function behindTokens(guard: Guard): HelperRow {
  const answer = progress({ fast: [media(4, 6_000, 'server')], guarded: [guard] });
  const steps = talk(4, '')
    .client(tpkt(q931(setup({}))))
    .server(tpkt(q931(answer))).steps;
  const isSigned = guard === 'certificate' || guard === 'signed start';
  return {
    ...row(`channels behind tokens: ${guard}`, 'Q.931', 4, steps, ''),
    expects: awaited('server', 6_000),
    ...(isSigned && {
      differs: 'the kernel takes what is signed for a part of the message, and believes it cut short',
    }),
  };
}

function everythingInFront(): HelperRow {
  const from = at('client', 4, 1720);
  const [asked, answered] = [
    setup({ control: at('client', 4, 4_001), from, to: at('stranger', 4, 1720), fast: [media(4)], rich: true }),
    underWay(3, { control: at('server', 4, 4_102), fast: [media(4, 6_000, 'server')], rich: true }),
  ];
  const steps = talk(4, '')
    .client(tpkt(q931(asked)))
    .server(tpkt(q931(answered))).steps;
  return {
    ...row('ends say everything of themselves', 'Q.931', 4, steps, ''),
    expects: [
      `l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.client[4]} sport=0 dport=4001 Q.931`,
      ...awaited('client', 5_000),
      `l3proto = 2 proto=6 src=${HOSTS.client[4]} dst=${HOSTS.server[4]} sport=0 dport=4102 Q.931`,
      ...awaited('server', 6_000),
    ],
  };
}

const callRows: readonly HelperRow[] = [
  ...calls('a setup says where its H.245 is to be had', (said, family) =>
    said.client(tpkt(q931(setup({ control: at('client', family, 4_001) })))),
  ),
  ...calls('and both ends of the call', (said, family) =>
    said.client(
      tpkt(
        q931(
          setup({
            control: at('client', family, 4_001),
            from: at('client', family, 1720),
            to: at('stranger', family, 1720),
          }),
        ),
      ),
    ),
  ),
  ...calls('channels open with the call', (said, family) =>
    said.client(
      tpkt(
        q931(
          setup({
            from: at('client', family, 1720),
            fast: [media(family), { ...media(family, 5_002), reverse: true }, { control: at('client', family, 5_005) }],
          }),
        ),
      ),
    ),
  ),
  ...calls('addresses of others are not believed', (said, family) =>
    said.client(
      tpkt(q931(setup({ control: at('stranger', family, 4_001), fast: [media(family, 5_000, 'stranger')] }))),
    ),
  ),
  ...calls('the called answers in many ways', (said, family) =>
    said
      .client(tpkt(q931(setup({}))))
      .server(tpkt(q931(underWay(1, { control: at('server', family, 4_101) }))))
      .server(tpkt(q931(underWay(3, { control: at('server', family, 4_102), fast: [media(family, 6_000, 'server')] }))))
      .server(tpkt(q931(progress({ control: at('server', family, 4_103), fast: [media(family, 6_002, 'server')] }))))
      .server(tpkt(q931(facility({ control: at('server', family, 4_104), reason: 2 }))))
      .server(tpkt(q931(connect({ control: at('server', family, 4_105), fast: [media(family, 6_004, 'server')] })))),
  ),
  ...calls('a call is forwarded', (said, family) =>
    said
      .client(tpkt(q931(setup({}))))
      .server(tpkt(q931(facility({ alternative: at('stranger', family, 1_730), reason: 1 })))),
  ),
  ...calls('H.245 in the tunnel', (said, family) =>
    said
      .client(tpkt(q931(setup({}), [roundTrip(), olc(media(family))])))
      .server(tpkt(q931(connect({}), [olcAck(media(family, 6_000, 'server'))]))),
  ),
  ...calls('T.120 has connections of its own', (said, family) =>
    said
      .client(tpkt(q931(setup({}), [olc({ ...media(family), stack: at('client', family, 1_503) })])))
      .server(
        tpkt(q931(connect({}), [olcAck({ media: at('server', family, 6_000), stack: at('server', family, 1_504) })])),
      ),
  ),
  everythingInFront(),
  ...KINDS.map((carries) => ofOneKind(`a channel for ${carries}`, { carries })),
  ...NETWORKS.map((multiplex) => ofOneKind(`a channel back, of ${multiplex}`, { reverse: true, multiplex })),
  ...GUARD_KINDS.map(behindTokens),
  ...calls('a header alone in its segment', (said, family) => {
    const whole = tpkt(q931(setup({ control: at('client', family, 4_001) })));
    return said.client(whole.subarray(0, 4)).client(whole.subarray(4));
  }),
  ...calls('a message in two pieces is not read', (said, family) => {
    const whole = tpkt(q931(setup({ control: at('client', family, 4_001) })));
    return said.client(whole.subarray(0, 20)).client(whole.subarray(20));
  }),
  ...calls('two messages in a segment, and one cut short', (said, family) => {
    const [one, two] = [4_001, 4_002].map((port) => tpkt(q931(setup({ control: at('client', family, port) }))));
    return said.client(Uint8Array.from([...one, ...two, ...one.subarray(0, 30)]));
  }),
  ...calls('the control is read as it comes, and its channels', (said, family, seen) => {
    said.client(tpkt(q931(setup({ control: at('client', family, 4_001) }))));
    const control = new Talk(
      family,
      end('server', family, 30_000, seen === 'outside' ? at('outside', family, 4_001) : undefined),
      end('client', family, 4_001),
    );
    // Whom the server speaks to is the client's address as he knows it.
    const steps = control
      .open()
      .server(tpkt(olc(media(family))))
      .client(tpkt(olcAck(media(family, 6_000, 'server')))).steps;
    const reached = packet(family, end('server', family, 6_000), at(seen, family, 5_000), 'sound');
    return said.also(...steps, reached);
  }),
];

/** The called is reached by another address, and so is whom he forwards the call to. */
function forwardedBehindNat(): HelperRow {
  const said = new Talk(
    4,
    end('client', 4, 40_000, { address: '192.0.2.80', port: 1_720 }),
    end('server', 4, 1_720, at('client', 4, 40_000)),
  );
  said
    .open()
    .client(tpkt(q931(setup({ to: { address: '192.0.2.80', port: 1_720 } }))))
    .server(tpkt(q931(facility({ alternative: at('stranger', 4, 1_730), reason: 1 }))));
  const second = packet(4, end('client', 4, 40_001), { address: '192.0.2.80', port: 1_730 }, 'syn');
  const nat = '*nat\n-A PREROUTING -d 192.0.2.80/32 -j DNAT --to-destination 192.0.2.9\nCOMMIT\n';
  return row('a call is forwarded by who is called by another address', 'Q.931', 4, said.also(second).steps, nat);
}

// --- RAS -------------------------------------------------------------------------------------------------------------------

const registered = (
  name: string,
  say: (family: Family, seen: Host) => readonly ['client' | 'server', Uint8Array][],
  more: (family: Family, seen: Host) => Step[] = () => [],
): HelperRow[] =>
  everyWay((family, nat) => {
    const seen: Host = nat ? 'outside' : 'client';
    const [client, server] = [end('client', family, 1_719), end('server', family, 1_719)];
    const steps = say(family, seen).map(([who, message]) =>
      who === 'client'
        ? packet(family, client, server, message)
        : packet(family, server, at(seen, family, 1_719), message),
    );
    return row(name, 'RAS', family, [...steps, ...more(family, seen)], nat);
  });

const registration = (family: Family, seconds = 0): ['client', Uint8Array] => [
  'client',
  rrq([at('client', family, 1_720)], [at('client', family, 1_719)], seconds),
];

const rasRows: readonly HelperRow[] = [
  ...registered('a gatekeeper is sought', (family) => [
    ['client', grq(at('client', family, 1_719))],
    ['server', gcf(at('server', family, 1_719))],
  ]),
  ...registered('a gatekeeper is to be spoken to elsewhere', (family) => [
    ['client', grq(at('client', family, 1_719))],
    ['server', gcf(at('stranger', family, 1_729))],
  ]),
  ...registered(
    'who registers is called',
    (family) => [registration(family)],
    (family, seen) => [
      packet(family, end('server', family, 31_000), at(seen, family, 1_720), 'syn'),
      packet(family, end('stranger', family, 31_000), at(seen, family, 1_720), 'syn'),
    ],
  ),
  ...registered('a registration is confirmed for some time', (family, seen) => [
    registration(family, 600),
    ['server', rcf([at(seen, family, 1_720)], 450)],
  ]),
  ...registered('a registration is confirmed for the usual time', (family, seen) => [
    registration(family),
    ['server', rcf([at(seen, family, 1_720)])],
  ]),
  ...registered('a registration ends', (family, seen) => [
    registration(family),
    ['server', rcf([at(seen, family, 1_720)])],
    ['client', urq([at('client', family, 1_720)])],
  ]),
  ...registered('of several addresses the own one', (family) => [
    [
      'client',
      rrq(
        [at('stranger', family, 1_720), at('client', family, 1_721)],
        [at('stranger', family, 1_719), at('client', family, 1_719)],
      ),
    ],
  ]),
  ...registered('a call is asked for', (family) => [
    registration(family),
    ['client', arq({ to: at('client', family, 1_720) })],
    ['client', arq({ from: at('client', family, 1_725), to: at('stranger', family, 1_720) })],
    ['server', acf(at('stranger', family, 1_731))],
  ]),
  ...registered('a call is answered', (family, seen) => [
    registration(family),
    ['server', acf(at(seen, family, 1_720))],
  ]),
  ...registered('somebody is located', (family) => [
    ['client', lrq(at('client', family, 1_719))],
    ['server', lcf(at('stranger', family, 1_732), at('stranger', family, 1_719))],
  ]),
  ...registered('who is asked tells of his call', (family) => [
    registration(family),
    ['client', irr(at('client', family, 1_719), [at('client', family, 1_720)])],
  ]),
];

/** Only addresses of IP are heeded, wherever they stand. */
const elsewhereRows = ELSEWHERES.map((elsewhere): HelperRow => {
  const [made] = registered(`an address of another kind in front: ${elsewhere}`, (family) => [
    ['client', rrq([elsewhere, at('client', family, 1_720)], [at('client', family, 1_719)], 600, false, everything)],
    ['client', irr(at('client', family, 1_719), [at('client', family, 1_720)], everything)],
  ]);
  return {
    ...made,
    expects: [`l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.client[4]} sport=0 dport=1720 PERMANENT RAS`],
  };
});

const timeAtTheEnd: HelperRow = {
  ...registered('nothing stands behind the time of a registration', (family) => [
    ['client', rrq([at('client', family, 1_720)], [at('client', family, 1_719)], 600, true)],
  ])[0],
  differs: 'the kernel counts the octets of the time twice, and believes that the message is cut short',
};

/** Messages that random-signalling made. */
const broken = (name: string, steps: readonly Step[], more: Pick<HelperRow, 'expects' | 'differs'>): HelperRow => ({
  name,
  scenario: { v6rules: rules('RAS', 'udp', 1719, ''), steps: [...steps, look] },
  ...more,
});

const brokenRows: readonly HelperRow[] = [
  broken(
    'a registration that claims 33 additions and more is not read',
    [
      {
        in: 'A',
        hex: '60000000005a1140fd00000100000000000000000000000520010db800000000000000000000000906b706b7005ab4720e0b0000060008914a0004800130fd00000100000000000000000000000517700130fd00000100000000100000000000000517702200b5000012000200831240010061006200b500001204c00340003b0100',
      },
    ],
    { expects: [] },
  ),
  broken(
    'an addition that nobody knows, and that is not there',
    [
      {
        in: 'A',
        hex: '60000000005e1140fd00000100000000000000000000000520010db800000000000000000000000906b706b7005ea0c30e800000060008914a000480028002010230fd00000100000000000000000000000506b8011820010db8000700000000000000000077138b2200b5000012000200801240010061006200b5dc001204c0034000980100',
      },
    ],
    { expects: [], differs: 'the kernel takes a length for it all the same, and reads on in the wrong place' },
  ),
];

export const h323Rows: readonly HelperRow[] = [
  ...brokenRows,
  ...callRows,
  forwardedBehindNat(),
  ...rasRows,
  ...elsewhereRows,
  timeAtTheEnd,
];
