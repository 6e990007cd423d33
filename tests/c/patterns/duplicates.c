/*
 * Duplicated descriptors: each number of a file is an object of its own, and
 * each number of a port is the port.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static void arm(int port, int fd, void *cookie)
{
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, POLLIN, cookie) == 0);
}

static void nothing_comes(int port)
{
	port_event_t event;
	struct timespec moment = {0, 1000000};

	CHECK_ERRNO(port_get(port, &event, &moment), ETIME);
}

static void each_number_has_its_own_event(void)
{
	static char cookies[3];
	int port = port_create(), ends[2], numbers[3], i;
	port_event_t events[4];
	uint_t count = 3;
	char byte;

	CHECK(port >= 0);
	CHECK(pipe(ends) == 0);
	numbers[0] = ends[0];
	numbers[1] = dup(ends[0]);
	numbers[2] = fcntl(ends[0], F_DUPFD, 100);
	for (i = 0; i < 3; i++)
		arm(port, numbers[i], &cookies[i]);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_getn(port, events, 4, &count, NULL) == 0 && count == 3);
	while (count-- > 0) {
		long at = (char *)events[count].portev_user - cookies;

		CHECK(at >= 0 && at < 3 && events[count].portev_object == (uintptr_t)numbers[at]);
		cookies[at]++;
	}
	for (i = 0; i < 3; i++)
		CHECK(cookies[i] == 1);

	/* What happens to one number is nothing to the others. */
	for (i = 0; i < 3; i++)
		arm(port, numbers[i], &cookies[i]);
	CHECK(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)numbers[1]) == 0);
	CHECK(close(numbers[0]) == 0);
	CHECK(port_get(port, events, NULL) == 0 && events[0].portev_object == (uintptr_t)numbers[2]);
	nothing_comes(port);

	CHECK(read(numbers[1], &byte, 1) == 1);
	for (i = 1; i < 3; i++)
		arm(port, numbers[i], NULL);
	CHECK(close(ends[1]) == 0);
	count = 2;
	CHECK(port_getn(port, events, 4, &count, NULL) == 0 && count == 2);
	CHECK(events[0].portev_events == POLLHUP && events[1].portev_events == POLLHUP);
	CHECK(close(numbers[1]) == 0 && close(numbers[2]) == 0);
	CHECK(close(port) == 0);
}

static void several_ports_on_one_descriptor(void)
{
	int ports[3], ends[2], i;
	port_event_t event;

	CHECK(pipe(ends) == 0);
	for (i = 0; i < 3; i++) {
		ports[i] = port_create();
		CHECK(ports[i] >= 0);
		arm(ports[i], ends[0], &ports[i]);
	}
	CHECK(port_dissociate(ports[1], PORT_SOURCE_FD, (uintptr_t)ends[0]) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	for (i = 0; i < 3; i++) {
		if (i == 1) {
			nothing_comes(ports[i]);
			continue;
		}
		CHECK(port_get(ports[i], &event, NULL) == 0 && event.portev_user == &ports[i]);
		nothing_comes(ports[i]);
	}
	for (i = 0; i < 3; i++)
		CHECK(close(ports[i]) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void each_number_of_a_port_is_the_port(void)
{
	int port = port_create(), other, ends[2];
	port_event_t event;
	uint_t count;

	CHECK(port >= 0);
	CHECK(pipe(ends) == 0);
	other = fcntl(port, F_DUPFD, 50);
	CHECK(other >= 50);
	CHECK(port_send(port, 1, NULL) == 0 && port_send(other, 2, NULL) == 0);
	CHECK(port_getn(other, NULL, 0, &count, NULL) == 0 && count == 2);
	CHECK(port_get(other, &event, NULL) == 0 && event.portev_events == 1);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_events == 2);
	arm(port, ends[0], NULL);
	CHECK(port_dissociate(other, PORT_SOURCE_FD, (uintptr_t)ends[0]) == 0);
	CHECK(port_alert(other, PORT_ALERT_SET, 3, NULL) == 0);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_source == PORT_SOURCE_ALERT);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);

	/* The port lives on under the number that is left, and the other number is none. */
	CHECK(port_send(port, 4, NULL) == 0);
	CHECK(close(port) == 0);
	CHECK_ERRNO(port_send(port, 5, NULL), EBADF);
	CHECK(port_get(other, &event, NULL) == 0 && event.portev_events == 4);
	arm(other, ends[0], NULL);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_get(other, &event, NULL) == 0 && event.portev_object == (uintptr_t)ends[0]);
	CHECK(close(other) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void)
{
	each_number_has_its_own_event();
	several_ports_on_one_descriptor();
	each_number_of_a_port_is_the_port();
	return 0;
}
