/*
 * Closing descriptors without dissociating them first, which most programs do:
 * the association goes, and so does an event of it that is queued.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int port;

static void arm(int fd, void *cookie)
{
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, POLLIN, cookie) == 0);
}

static void nothing_comes(void)
{
	port_event_t events[4];
	struct timespec moment = {0, 1000000};
	uint_t count;

	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == 0);
	count = 1;
	CHECK_ERRNO(port_getn(port, events, 4, &count, &moment), ETIME);
	CHECK(count == 0);
}

/* Makes the port notice what is ready, where it would not have done so yet. */
static void look(void)
{
	uint_t count;

	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == 1);
}

/* `noticed`: the port has looked before the descriptor goes. `kept`: its file lives on under another number. */
static void ways_to_close(int noticed, int kept)
{
	static char old, fresh;
	port_event_t event;
	int ends[2], other[2], way, copy = -1;

	for (way = 0; way < 4; way++) {
		FILE *stream = NULL;

		CHECK(pipe(ends) == 0 && pipe(other) == 0);
		if (way == 1) {
			stream = fdopen(ends[0], "r");
			CHECK(stream != NULL);
		}
		if (kept) {
			copy = dup(ends[0]);
			CHECK(copy >= 0);
		}
		CHECK(write(ends[1], "x", 1) == 1 && write(other[1], "y", 1) == 1);
		arm(ends[0], &old);
		if (noticed)
			look();
		if (way == 1)
			CHECK(fclose(stream) == 0);
		else if (way == 2)
			CHECK(dup2(other[0], ends[0]) == ends[0]);
		else
			CHECK(close(ends[0]) == 0);
		if (way == 3)
			CHECK(dup2(other[0], ends[0]) == ends[0]);
		nothing_comes();
		if (way >= 2) {
			/* The number is another file now. It was never associated. */
			CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[0]), ENOENT);
			arm(ends[0], &fresh);
			CHECK(port_get(port, &event, NULL) == 0);
			CHECK(event.portev_object == (uintptr_t)ends[0] && event.portev_user == &fresh);
			CHECK(close(ends[0]) == 0);
		} else {
			CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[0]), EBADFD);
			CHECK_ERRNO(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL), EBADFD);
		}
		if (kept)
			CHECK(close(copy) == 0);
		CHECK(close(ends[1]) == 0 && close(other[0]) == 0 && close(other[1]) == 0);
		nothing_comes();
	}
}

/* An armed one that becomes ready only after its number has been closed. */
static void ready_too_late(void)
{
	int ends[2], copy;

	CHECK(pipe(ends) == 0);
	copy = dup(ends[0]);
	arm(ends[0], NULL);
	CHECK(close(ends[0]) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	nothing_comes();
	CHECK(close(copy) == 0 && close(ends[1]) == 0);
	nothing_comes();
}

/* Associations of closed descriptors do not use up the port. */
static void many_come_and_go(void)
{
	int i;

	for (i = 0; i < 100000; i++) {
		int ends[2];

		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
		arm(ends[0], NULL);
		arm(ends[1], NULL);
		if (i % 2)
			CHECK(shutdown(ends[0], SHUT_RDWR) == 0);
		CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	}
	nothing_comes();
}

int main(void)
{
	int noticed, kept;

	port = port_create();
	CHECK(port >= 0);
	for (noticed = 0; noticed < 2; noticed++)
		for (kept = 0; kept < 2; kept++)
			ways_to_close(noticed, kept);
	ready_too_late();
	many_come_and_go();
	CHECK(close(port) == 0);
	return 0;
}
