/* The bare peer of the inline benchmark: what comes in by one TUN device leaves by the other, unread. Same method as the loop in
 * tun/: virtio-net header with TSO and USO, poll, then read until EAGAIN or a batch. No rules, no parsing, no copies.
 *
 *   forward TUN_A TUN_B [N]   creates both devices in its network namespace, with N queues, each of which has a thread; prints
 *                             "ready", runs until killed
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { BATCH = 64, HEADER = 10, LARGEST = 65535 + HEADER, MOST = 64 };

/* The two ends of one queue. */
typedef int pair[2];

static int open_tun(const char *name, int queues)
{
	const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq request;
	int header = HEADER;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	memset(&request, 0, sizeof request);
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
		perror(name);
		exit(1);
	}
	if (ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(fd, TUNSETOFFLOAD, tso) < 0) {
		perror("TUNSETOFFLOAD");
		exit(1);
	}
	return fd;
}

static void pass(int from, int to)
{
	static __thread unsigned char packet[LARGEST];
	int count;

	for (count = 0; count < BATCH; count++) {
		ssize_t length = read(from, packet, sizeof packet);
		if (length <= 0)
			return;
		/* A device that is down answers EIO: that packet is lost, as it would be on a cut wire. */
		if (write(to, packet, (size_t)length) < 0 && errno == EBADFD)
			exit(1);
	}
}

static void *forward(void *both)
{
	const int *ends = both;
	struct pollfd devices[2];
	int i;

	for (i = 0; i < 2; i++) {
		devices[i].fd = ends[i];
		devices[i].events = POLLIN;
	}
	while (poll(devices, 2, -1) >= 0 || errno == EINTR) {
		if (devices[0].revents & POLLIN)
			pass(devices[0].fd, devices[1].fd);
		if (devices[1].revents & POLLIN)
			pass(devices[1].fd, devices[0].fd);
	}
	exit(1);
}

int main(int argc, char **argv)
{
	static pair queues[MOST];
	pthread_t thread;
	int count = argc == 4 ? atoi(argv[3]) : 1;
	int i, end;

	if (argc < 3 || argc > 4 || count < 1 || count > MOST) {
		fprintf(stderr, "usage: %s TUN_A TUN_B [QUEUES]\n", argv[0]);
		return 2;
	}
	for (end = 0; end < 2; end++)
		for (i = 0; i < count; i++)
			queues[i][end] = open_tun(argv[1 + end], count);
	puts("ready");
	fflush(stdout);
	for (i = 1; i < count; i++)
		if (pthread_create(&thread, NULL, forward, queues[i]) != 0)
			return 1;
	forward(queues[0]);
	return 1;
}
