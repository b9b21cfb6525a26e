# How the captures here were made with tcpdump 4.99, in a network namespace of its own: unshare -n sh make.sh
# raw: a TUN device; eth, short (60 octets of each frame), sll, sll2: loopback, whose checksums nobody fills in.
ip link set lo up
ip addr add 10.0.1.2/32 dev lo; ip addr add 192.0.2.9/32 dev lo; ip -6 addr add fd00:a::2/128 dev lo nodad; ip -6 addr add 2001:db8::9/128 dev lo nodad
python3 -c '
import fcntl,struct,time
f=open("/dev/net/tun","r+b",buffering=0); fcntl.ioctl(f,0x400454ca,struct.pack("16sH",b"i0",0x1001)); time.sleep(14)' &
sleep 1; ip addr add 10.9.0.1/24 dev i0; ip link set i0 up
tcpdump --immediate-mode -Z root -i lo -w eth.pcap  -U 2>/dev/null & A=$!
tcpdump --immediate-mode -Z root -i any -y LINUX_SLL -w sll.pcap -U 2>/dev/null & B=$!
tcpdump --immediate-mode -Z root -i any -y LINUX_SLL2 -w sll2.pcap -U 2>/dev/null & C=$!
tcpdump --immediate-mode -Z root -i i0 -w raw.pcap -U 2>/dev/null & D=$!
tcpdump --immediate-mode -Z root -i lo -s 60 -w short.pcap -U 2>/dev/null & E=$!
sleep 6
python3 - <<'PY'
import socket,threading,time
def serve(f,a,p):
    s=socket.socket(f,socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind((a,p)); s.listen(1)
    def go():
        c,_=s.accept(); c.recv(100); c.sendall(b'B'*200); c.close()
    threading.Thread(target=go).start()
def call(f,src,dst,p,sp):
    c=socket.socket(f,socket.SOCK_STREAM); c.bind((src,sp)); c.connect((dst,p)); c.sendall(b'A'*50); 
    while c.recv(1000): pass
    c.close()
serve(socket.AF_INET,'192.0.2.9',443); serve(socket.AF_INET6,'2001:db8::9',443); time.sleep(.1)
call(socket.AF_INET,'10.0.1.2','192.0.2.9',443,40000); call(socket.AF_INET6,'fd00:a::2','2001:db8::9',443,40000)
try: call(socket.AF_INET,'192.0.2.9','10.0.1.2',22,50000)
except Exception as e: print(e)
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.bind(('10.0.1.2',5000)); u.sendto(b'q'*20,('192.0.2.9',53))
t=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); t.sendto(b'tunnel',('10.9.0.2',9))
time.sleep(.3)
PY
sleep 2; kill $A $B $C $D $E; wait
