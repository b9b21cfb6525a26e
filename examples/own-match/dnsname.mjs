// A match of one's own: `-m dnsname --dns-name example.com` for DNS questions about a name or one below it. It needs nothing but this file:
// an extension is a plain object, whose members docs/own-extensions.md explains.

const UDP = 17;
const DNS_HEADER = 12;
const QUERY = 0x80; // this bit of the flags is set in answers
const LONGEST_LABEL = 63;

/** The value of --dns-name: lower case, without the dot at the end. */
const name = {
  words: 1,
  metavar: 'name',
  parse([word], scope) {
    const labels = word.toLowerCase().replace(/\.$/, '').split('.');
    const wrong = labels.find((label) => label === '' || label.length > LONGEST_LABEL);
    if (wrong !== undefined) scope.fail(`dnsname: bad name "${word}"`, 'labels of 1 to 63 characters, dots between');
    return labels.join('.');
  },
  print: (value) => value,
};

/** The labels of the first question, each as a text. Undefined: that is no question that can be read. */
function questionOf({ bytes, l4, end, protocol }) {
  const header = l4 + 8;
  if (protocol !== UDP || header + DNS_HEADER >= end || bytes[header + 2] & QUERY) return undefined;
  const labels = [];
  for (let at = header + DNS_HEADER; at < end && bytes[at] !== 0; at += bytes[at] + 1) {
    if (bytes[at] > LONGEST_LABEL || at + bytes[at] >= end) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + bytes[at])).toLowerCase());
  }
  return labels;
}

const dnsname = {
  name: 'dnsname',
  families: [4, 6],
  summary: 'DNS question about a name, or one below it.',
  kernel: 'none: it is ours alone',
  effect: 'pure',
  options: { 'dns-name': { ...name, help: 'the name', invert: true, required: true } },
  check: (given) => ({ name: given['dns-name'].value, inverted: given['dns-name'].inverted }),
  save: ({ name: wanted, inverted }) => `${inverted ? '! ' : ''}--dns-name ${wanted}`,
  list: ({ name: wanted, inverted }) => `dns-name ${inverted ? '! ' : ''}${wanted}`,
  compile({ name: wanted, inverted }) {
    const labels = wanted.split('.');
    return (pkt) => {
      const asked = questionOf(pkt);
      if (!asked) return false;
      const last = asked.slice(-labels.length);
      return (last.length === labels.length && last.every((label, at) => label === labels[at])) !== inverted;
    };
  },
  saw: (_checked, pkt) => questionOf(pkt)?.join('.') ?? 'no DNS question',
};

export default { matches: [dnsname] };
