/*
 * Each call of <port.h>, from C. What it may do in full is tested from Rust;
 * this shows that header and library fit together.
 */
#include <port.h>
/* After <port.h>, which has to do without other headers before it. */
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <unistd.h>

/* How long to wait for what must not come. */
static struct timespec moment = {0, 1000000};

static void descriptors(int port)
{
	static char cookie;
	port_event_t event;
	uint_t count;
	int ends[2];

	CHECK(pipe(ends) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, &cookie) == 0);
	count = 1;
	CHECK_ERRNO(port_getn(port, &event, 1, &count, &moment), ETIME);
	CHECK(count == 0);

	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_get(port, &event, NULL) == 0);
	CHECK(event.portev_source == PORT_SOURCE_FD);
	CHECK(event.portev_object == (uintptr_t)ends[0]);
	CHECK(event.portev_events == POLLIN);
	CHECK(event.portev_user == &cookie);

	/* The event ended the association. */
	CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[0]), ENOENT);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == 0);
	CHECK(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[0]) == 0);

	CHECK_ERRNO(port_send(ends[0], 0, NULL), EBADFD);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	CHECK_ERRNO(port_send(ends[0], 0, NULL), EBADF);
}

static void own_events(int port)
{
	static char cookie;
	port_event_t events[2];
	int ports[3];
	int errors[3] = {-1, -1, -1};
	uint_t count;

	CHECK(port_send(port, 17, &cookie) == 0);
	ports[0] = port;
	ports[1] = -1;
	ports[2] = port_create();
	CHECK(ports[2] >= 0);
	CHECK(port_sendn(ports, errors, 3, 18, NULL) == 2);
	CHECK(errors[0] == 0 && errors[1] == EBADF && errors[2] == 0);

	count = 0;
	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0);
	CHECK(count == 2);
	count = 2;
	CHECK(port_getn(port, events, 2, &count, NULL) == 0);
	CHECK(count == 2);
	CHECK(events[0].portev_source == PORT_SOURCE_USER && events[1].portev_source == PORT_SOURCE_USER);
	CHECK(events[0].portev_events == 17 && events[1].portev_events == 18);
	CHECK(events[0].portev_user == &cookie && events[1].portev_user == NULL);

	CHECK(port_get(ports[2], events, NULL) == 0 && events[0].portev_events == 18);
	CHECK(close(ports[2]) == 0);
}

static void alerts(int port)
{
	static char cookie;
	port_event_t event;
	uint_t count = 1;
	int turn;

	CHECK(port_alert(port, PORT_ALERT_SET, 5, &cookie) == 0);
	CHECK_ERRNO(port_alert(port, PORT_ALERT_UPDATE, 6, NULL), EBUSY);
	CHECK_ERRNO(port_alert(port, PORT_ALERT_INVALID, 6, NULL), EINVAL);
	for (turn = 0; turn < 2; turn++) {
		CHECK(port_get(port, &event, NULL) == 0);
		CHECK(event.portev_source == PORT_SOURCE_ALERT);
		CHECK(event.portev_events == 5 && event.portev_user == &cookie);
	}
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
	CHECK_ERRNO(port_getn(port, &event, 1, &count, &moment), ETIME);
}

static void a_descriptor_like_others(int port)
{
	port_event_t event;
	struct pollfd polled;

	polled.fd = port;
	polled.events = POLLIN;
	CHECK(poll(&polled, 1, 0) == 0);
	CHECK(port_send(port, 1, NULL) == 0);
	CHECK(poll(&polled, 1, 0) == 1 && polled.revents == POLLIN);
	CHECK(port_get(port, &event, NULL) == 0);
	CHECK(poll(&polled, 1, 0) == 0);
}

/* Rust says the same of its own types; the bindings are held to both. */
static void layouts(void)
{
	CHECK(sizeof(port_event_t) == 24 && offsetof(port_event_t, portev_user) == 16);
	CHECK(sizeof(port_notify_t) == 16 && offsetof(port_notify_t, portnfy_user) == 8);
	CHECK(sizeof(file_obj_t) == 80 && offsetof(file_obj_t, fo_name) == 72);
}

int main(void)
{
	int port = port_create();

	CHECK(port >= 0);
	descriptors(port);
	own_events(port);
	alerts(port);
	a_descriptor_like_others(port);
	layouts();
	CHECK(close(port) == 0);
	CHECK_ERRNO(port_send(port, 0, NULL), EBADF);
	return 0;
}
