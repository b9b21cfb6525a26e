// What is expected after each conversation of H.323, as /proc/net/nf_conntrack_expect has it.

export const expects: Readonly<Record<string, readonly string[]>> = {
  'a setup says where its H.245 is to be had over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=4001 Q.931',
  ],
  'a setup says where its H.245 is to be had over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=4001 Q.931',
  ],
  'a setup says where its H.245 is to be had over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=4001 Q.931',
  ],
  'and both ends of the call over IPv4': ['l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=4001 Q.931'],
  'and both ends of the call over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=4001 Q.931',
  ],
  'and both ends of the call over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=4001 Q.931',
  ],
  'channels open with the call over IPv4': [
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5002 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5003 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5004 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5005 Q.931',
  ],
  'channels open with the call over IPv6': [
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5000 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5001 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5002 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5003 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5004 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5005 Q.931',
  ],
  'channels open with the call over IPv4, translated': [
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5002 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5003 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5004 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5005 Q.931',
  ],
  'the called answers in many ways over IPv4': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6002 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6003 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6004 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6005 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4101 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4102 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4103 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4104 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4105 Q.931',
  ],
  'the called answers in many ways over IPv6': [
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6000 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6001 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6002 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6003 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6004 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6005 Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=4101 Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=4102 Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=4103 Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=4104 Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=4105 Q.931',
  ],
  'the called answers in many ways over IPv4, translated': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6002 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6003 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6004 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6005 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4101 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4102 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4103 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4104 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=4105 Q.931',
  ],
  'a call is forwarded over IPv4': ['l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1730 Q.931'],
  'a call is forwarded over IPv6': [
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0007:0000:0000:0000:0000:0007 sport=0 dport=1730 Q.931',
  ],
  'a call is forwarded over IPv4, translated': [
    'l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1730 Q.931',
  ],
  'H.245 in the tunnel over IPv4': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5001 Q.931',
  ],
  'H.245 in the tunnel over IPv6': [
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5000 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5001 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6000 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6001 Q.931',
  ],
  'H.245 in the tunnel over IPv4, translated': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5001 Q.931',
  ],
  'T.120 has connections of its own over IPv4': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5001 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=1504 PERMANENT Q.931',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1503 PERMANENT Q.931',
  ],
  'T.120 has connections of its own over IPv6': [
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5000 Q.931',
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5001 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6000 Q.931',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6001 Q.931',
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1503 PERMANENT Q.931',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=1504 PERMANENT Q.931',
  ],
  'T.120 has connections of its own over IPv4, translated': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 Q.931',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5000 Q.931',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5001 Q.931',
    'l3proto = 2 proto=6 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=1504 PERMANENT Q.931',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1503 PERMANENT Q.931',
  ],
  'a header alone in its segment over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=4001 Q.931',
  ],
  'a header alone in its segment over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=4001 Q.931',
  ],
  'a header alone in its segment over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=4001 Q.931',
  ],
  'two messages in a segment, and one cut short over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=4001 Q.931',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=4002 Q.931',
  ],
  'two messages in a segment, and one cut short over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=4001 Q.931',
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=4002 Q.931',
  ],
  'two messages in a segment, and one cut short over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=4001 Q.931',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=4002 Q.931',
  ],
  'the control is read as it comes, and its channels over IPv4': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 H.245',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 H.245',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=5001 H.245',
  ],
  'the control is read as it comes, and its channels over IPv6': [
    'l3proto = 10 proto=17 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=5001 H.245',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6000 H.245',
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=0 dport=6001 H.245',
  ],
  'the control is read as it comes, and its channels over IPv4, translated': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6000 H.245',
    'l3proto = 2 proto=17 src=10.1.0.5 dst=192.0.2.9 sport=0 dport=6001 H.245',
    'l3proto = 2 proto=17 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=5001 H.245',
  ],
  'a gatekeeper is to be spoken to elsewhere over IPv4': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1729 RAS',
  ],
  'a gatekeeper is to be spoken to elsewhere over IPv6': [
    'l3proto = 10 proto=17 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0007:0000:0000:0000:0000:0007 sport=0 dport=1729 RAS',
  ],
  'a gatekeeper is to be spoken to elsewhere over IPv4, translated': [
    'l3proto = 2 proto=17 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1729 RAS',
  ],
  'who registers is called over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
  'who registers is called over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
  ],
  'who registers is called over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for some time over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for some time over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for some time over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for the usual time over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for the usual time over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a registration is confirmed for the usual time over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'of several addresses the own one over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1721 PERMANENT RAS',
  ],
  'of several addresses the own one over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1721 PERMANENT RAS',
  ],
  'of several addresses the own one over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1721 PERMANENT RAS',
  ],
  'a call is asked for over IPv4': [
    'l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1731 PERMANENT RAS',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a call is asked for over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0007:0000:0000:0000:0000:0007 sport=0 dport=1731 PERMANENT RAS',
  ],
  'a call is asked for over IPv4, translated': [
    'l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1731 PERMANENT RAS',
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a call is answered over IPv4': ['l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS'],
  'a call is answered over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
  ],
  'a call is answered over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'somebody is located over IPv4': [
    'l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1732 PERMANENT RAS',
  ],
  'somebody is located over IPv6': [
    'l3proto = 10 proto=6 src=fd00:0001:0000:0000:0000:0000:0000:0005 dst=2001:0db8:0007:0000:0000:0000:0000:0007 sport=0 dport=1732 PERMANENT RAS',
  ],
  'somebody is located over IPv4, translated': [
    'l3proto = 2 proto=6 src=10.1.0.5 dst=198.51.100.7 sport=0 dport=1732 PERMANENT RAS',
  ],
  'who is asked tells of his call over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
  'who is asked tells of his call over IPv6': [
    'l3proto = 10 proto=6 src=2001:0db8:0000:0000:0000:0000:0000:0009 dst=fd00:0001:0000:0000:0000:0000:0000:0005 sport=0 dport=1720 PERMANENT RAS',
  ],
  'who is asked tells of his call over IPv4, translated': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.0.2.1 sport=0 dport=1720 PERMANENT RAS',
  ],
  'nothing stands behind the time of a registration over IPv4': [
    'l3proto = 2 proto=6 src=192.0.2.9 dst=10.1.0.5 sport=0 dport=1720 PERMANENT RAS',
  ],
};
