/*
 * Asking how many events there are, and then fetching as many, as lighttpd
 * does it: the minimum of the second call is the count of the first, or one
 * where nothing was there yet.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <unistd.h>

enum { PIPES = 20, ROOM = 32 };

static int port;

static uint_t available(void)
{
	struct timespec ignored = {-1, -1};
	uint_t count = 77;

	/* Neither the list nor the timeout is looked at. */
	CHECK(port_getn(port, NULL, 0, &count, &ignored) == 0);
	return count;
}

/* Fetches what there is; waits for `milliseconds` where there is nothing. */
static uint_t wait_for_events(port_event_t *events, long milliseconds)
{
	struct timespec timeout;
	uint_t count = available();

	if (count == 0)
		count = 1;
	else if (count > ROOM)
		count = ROOM;
	timeout.tv_sec = milliseconds / 1000;
	timeout.tv_nsec = milliseconds % 1000 * 1000000;
	if (port_getn(port, events, ROOM, &count, &timeout) == -1)
		CHECK(errno == ETIME);
	return count;
}

static void watch(int fd)
{
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, POLLIN, NULL) == 0);
}

int main(void)
{
	port_event_t events[ROOM];
	int read_ends[PIPES], write_ends[PIPES];
	uint_t count, i;
	int at;

	port = port_create();
	CHECK(port >= 0);
	for (at = 0; at < PIPES; at++) {
		int ends[2];

		CHECK(pipe(ends) == 0);
		read_ends[at] = ends[0];
		write_ends[at] = ends[1];
		watch(ends[0]);
	}
	CHECK(available() == 0);
	CHECK(wait_for_events(events, 1) == 0);
	CHECK(wait_for_events(events, 0) == 0);

	/* The count follows what happens, and asking changes nothing. */
	for (at = 0; at < PIPES; at++) {
		CHECK(write(write_ends[at], "x", 1) == 1);
		CHECK(available() == (uint_t)at + 1 && available() == (uint_t)at + 1);
	}
	CHECK(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)read_ends[3]) == 0);
	CHECK(available() == PIPES - 1);
	CHECK(close(read_ends[4]) == 0);
	CHECK(available() == PIPES - 2);

	/* In alert mode, too, though what is there cannot be fetched. */
	CHECK(port_alert(port, PORT_ALERT_SET, 1, NULL) == 0);
	CHECK(available() == PIPES - 2);
	CHECK(wait_for_events(events, 60000) == 1 && events[0].portev_source == PORT_SOURCE_ALERT);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);

	CHECK(wait_for_events(events, 60000) == PIPES - 2);
	for (i = 0; i < PIPES - 2; i++) {
		at = (int)i < 3 ? (int)i : (int)i + 2;
		/* In the order in which they became ready. */
		CHECK(events[i].portev_object == (uintptr_t)read_ends[at] && events[i].portev_events == POLLIN);
	}
	CHECK(available() == 0);
	CHECK(wait_for_events(events, 0) == 0);

	/* More than there is room for come in two batches. */
	for (i = 0; i < ROOM + 5; i++)
		CHECK(port_send(port, (int)i, NULL) == 0);
	CHECK(available() == ROOM + 5);
	CHECK(wait_for_events(events, 60000) == ROOM);
	CHECK(events[0].portev_events == 0 && events[ROOM - 1].portev_events == ROOM - 1);
	CHECK(available() == 5);
	count = wait_for_events(events, 60000);
	CHECK(count == 5 && events[4].portev_events == ROOM + 4);

	for (at = 0; at < PIPES; at++) {
		if (at != 4)
			CHECK(close(read_ends[at]) == 0);
		CHECK(close(write_ends[at]) == 0);
	}
	CHECK(close(port) == 0);
	return 0;
}
