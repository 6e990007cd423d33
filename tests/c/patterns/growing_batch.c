/*
 * Batches into a list that grows whenever a batch has filled it, and a minimum
 * of one, as libevent does it. What was reported is associated again before
 * the next wait.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <unistd.h>

enum { PIPES = 300, FIRST_ROOM = 4 };

static int read_ends[PIPES], write_ends[PIPES];
static int reports[PIPES];
static int pending[PIPES]; /* to be associated before the next wait */
static port_event_t *list;
static uint_t room;
static int port;

static void grow(uint_t to)
{
	list = (port_event_t *)realloc(list, to * sizeof(*list));
	CHECK(list != NULL);
	room = to;
}

/* Dispatches one batch. Returns how many events it had. */
static uint_t dispatch(uint_t want, struct timespec *timeout)
{
	uint_t count = want, i;
	int at;

	for (at = 0; at < PIPES; at++) {
		if (pending[at])
			CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)read_ends[at], POLLIN, &reports[at]) == 0);
		pending[at] = 0;
	}
	if (port_getn(port, list, room, &count, timeout) == -1) {
		if (errno == EINTR)
			return 0;
		/* With ETIME there may be events, and they are not to be lost. */
		CHECK(errno == ETIME);
	}
	for (i = 0; i < count; i++) {
		at = (int)((int *)list[i].portev_user - reports);
		CHECK(at >= 0 && at < PIPES && list[i].portev_object == (uintptr_t)read_ends[at]);
		CHECK(list[i].portev_events == POLLIN);
		reports[at]++;
		pending[at] = 1;
	}
	if (count == room)
		grow(2 * room);
	return count;
}

int main(void)
{
	struct timespec moment = {0, 1000000}, now = {0, 0};
	int at, turn, batches;
	uint_t count;
	char byte;

	port = port_create();
	CHECK(port >= 0);
	grow(FIRST_ROOM);
	for (at = 0; at < PIPES; at++) {
		int ends[2];

		CHECK(pipe(ends) == 0);
		read_ends[at] = ends[0];
		write_ends[at] = ends[1];
		pending[at] = 1;
	}
	CHECK(dispatch(1, &moment) == 0);

	/* All become ready at once: 4, 8, 16 … events, until a batch no longer fills the list. */
	for (at = 0; at < PIPES; at++)
		CHECK(write(write_ends[at], "x", 1) == 1);
	batches = 0;
	for (count = 0; count < PIPES; batches++) {
		uint_t had = room, got = dispatch(1, NULL);

		CHECK(got >= 1 && got <= had);
		/* Nobody reads, so those of earlier batches come again; count each pipe once. */
		for (count = 0, at = 0; at < PIPES; at++)
			count += reports[at] > 0;
		CHECK(batches < 1000);
	}

	/* With room for all of them each turn reports each of them once. */
	while (room <= PIPES)
		grow(2 * room);
	for (turn = 0; turn < 3; turn++) {
		memset(reports, 0, sizeof(reports));
		CHECK(dispatch(1, NULL) == PIPES);
		for (at = 0; at < PIPES; at++)
			CHECK(reports[at] == 1);
	}

	/* All but three are read empty: the batch is three, also for who wants more and waits in vain. */
	for (at = 3; at < PIPES; at++)
		CHECK(read(read_ends[at], &byte, 1) == 1);
	CHECK(dispatch(1, NULL) == 3);
	CHECK(dispatch(5, &moment) == 3);
	CHECK(dispatch(5, &now) == 3);
	for (at = 0; at < 3; at++)
		CHECK(read(read_ends[at], &byte, 1) == 1);
	CHECK(dispatch(1, &now) == 0);
	CHECK(dispatch(1, &moment) == 0);

	for (at = 0; at < PIPES; at++)
		CHECK(close(read_ends[at]) == 0 && close(write_ends[at]) == 0);
	free(list);
	CHECK(close(port) == 0);
	return 0;
}
