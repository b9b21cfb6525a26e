// --help of the conntrack tool, in our own words.

import { PROTOCOLS } from './options.ts';

export function helpText(protocol: number | undefined): string {
  const own = PROTOCOLS.find((one) => one.protocol === protocol);
  if (!own) return HELP;
  const lines = own.options.map((spellings) => `  ${spellings.map((name) => `--${name}`).join(', ')}\n`);
  return `${HELP}\nOptions of -p ${own.name}:\n${lines.join('')}`;
}

const HELP = `Lists, watches and changes tracked connections, as conntrack 1.4.7 does.
Usage: conntrack COMMAND [TABLE] [OPTIONS]

Tables: conntrack (default), expect, dying, unconfirmed

Commands:
  -L, --dump [TABLE]        list connections or expectations
  -G, --get [TABLE]         show the one with that tuple
  -D, --delete [TABLE]      delete those that fit
  -I, --create [TABLE]      make one; fails if it is there already
  -A, --add                 make one; content if it is there already
  -U, --update              change those that fit
  -E, --event [TABLE]       show events as they come, until interrupted
  -F, --flush [TABLE]       delete all
  -C, --counter [TABLE]     how many there are
  -S, --stats [expect]      counters of the tracker
  -R, --load-file FILE      carry out the commands of a file, a line each ("-": standard input)
  --memory                  where the memory goes, and who fills the table
  -V, --version  -h, --help [-p PROTOCOL]

Which connections:
  -s, --src, --orig-src ADDRESS[/LENGTH]    source in the original direction
  -d, --dst, --orig-dst ADDRESS[/LENGTH]    destination in the original direction
  -r, --reply-src ADDRESS                   source in the reply direction
  -q, --reply-dst ADDRESS                   destination in the reply direction
  --mask-src, --mask-dst MASK               bits of -s and -d that count
  -p, --protonum PROTOCOL                   tcp, udp, ... or its number; adds its own options
  -f, --family ipv4|ipv6
  -m, --mark MARK[/MASK]                    with -U and -I: the mark to set
  -u, --status WORD[,...]                   ASSURED, SEEN_REPLY, UNREPLIED, FIXED_TIMEOUT, EXPECTED, ... or, to set none, UNSET
  -n, --src-nat [ADDRESS[:PORT]]            translated at the source
  -g, --dst-nat [ADDRESS[:PORT]]            translated at the destination
  -j, --any-nat [ADDRESS[:PORT]]            translated at either
  -w, --zone N  --orig-zone N  --reply-zone N
  -l, --label NAME[,...]                    all of these labels are set
  -i, --id NUMBER                           with -D, -U, -G

What to set:
  -t, --timeout SECONDS    -m, --mark    -u, --status    --label-add NAME    --label-del [NAME]

Output:
  -o, --output WORD[,...]   extended, id, timestamp, ktimestamp, labels, save, xml, userspace; ours: proc, ip_conntrack, json
  --json                    a JSON object a line
  -z, --zero                with -L: set the counters to zero
  -e, --event-mask WORD[,...]               with -E: ALL, NEW, UPDATES, DESTROY

Examples:
  conntrack -L -p tcp --state ESTABLISHED -o extended
  conntrack -L -f ipv6 --json
  conntrack -D -s 10.1.0.0/16
  conntrack -U -s 10.1.0.7 -m 0x10/0xf0
  conntrack -E -e NEW,DESTROY -o timestamp
  conntrack -L -o save > flows && conntrack -R flows
  conntrack --memory
`;
