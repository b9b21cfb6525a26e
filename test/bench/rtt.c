/* Round trips of small UDP packets, one at a time, for the latency bench.
 *
 *   rtt serve PORT                          sends back what comes, until killed
 *   rtt ask ADDRESS PORT COUNT PAUSE_US     COUNT times: sends 18 octets, waits for them, pauses; prints one round trip a line, in
 *                                           nanoseconds, -1 for one that did not come back within 200 ms
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { OCTETS = 18 };

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int serve(int fd)
{
	unsigned char octets[2048];
	struct sockaddr_in6 from;

	for (;;) {
		socklen_t length = sizeof from;
		ssize_t got = recvfrom(fd, octets, sizeof octets, 0, (struct sockaddr *)&from, &length);

		if (got < 0)
			return fail("recvfrom");
		sendto(fd, octets, (size_t)got, 0, (struct sockaddr *)&from, length);
	}
}

/* Its answer, and not a late one of an earlier question. */
static int answered(int fd, uint32_t number)
{
	unsigned char octets[OCTETS];
	uint32_t told;

	while (recv(fd, octets, sizeof octets, 0) == OCTETS) {
		memcpy(&told, octets, sizeof told);
		if (told == number)
			return 1;
	}
	return 0;
}

static int ask(int fd, uint32_t count, long pause)
{
	const struct timeval patience = { 0, 200000 };
	unsigned char octets[OCTETS] = { 0 };
	uint32_t number;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	for (number = 0; number < count; number++) {
		int64_t from = now();

		memcpy(octets, &number, sizeof number);
		if (send(fd, octets, OCTETS, 0) != OCTETS)
			return fail("send");
		printf("%lld\n", answered(fd, number) ? (long long)(now() - from) : -1LL);
		usleep((useconds_t)pause);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (argc == 3 && strcmp(argv[1], "serve") == 0) {
		address.sin6_port = htons((uint16_t)atoi(argv[2]));
		if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
			return fail("bind");
		return serve(fd);
	}
	if (argc == 6 && strcmp(argv[1], "ask") == 0) {
		address.sin6_port = htons((uint16_t)atoi(argv[3]));
		if (inet_pton(AF_INET6, argv[2], &address.sin6_addr) != 1 ||
		    connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
			return fail(argv[2]);
		return ask(fd, (uint32_t)atoi(argv[4]), atol(argv[5]));
	}
	fprintf(stderr, "usage: %s serve PORT | ask ADDRESS PORT COUNT PAUSE_US\n", argv[0]);
	return 2;
}
