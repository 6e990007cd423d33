/*
 * port_send(3C): example 1, a user event sent and retrieved, and what the page
 * says of port_sendn and of ports in alert mode.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <unistd.h>

enum { MY_EVENT = 0x01, PORTS = 4 };

static int my_value;

static void retrieve(int port)
{
	struct timespec timeout = {1, 0};
	port_event_t event;

	CHECK(port_get(port, &event, &timeout) == 0);
	CHECK(event.portev_source == PORT_SOURCE_USER);
	CHECK(event.portev_events == MY_EVENT);
	CHECK(event.portev_user == &my_value);
}

static void nothing_is_there(int port)
{
	uint_t count;

	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == 0);
}

int main(void)
{
	int ports[PORTS], errors[PORTS], i;
	port_event_t event;

	/* The page tests the port for not being 0; a port is any number but a negative one. */
	for (i = 0; i < PORTS; i++) {
		ports[i] = port_create();
		CHECK(ports[i] >= 0);
	}
	CHECK(port_send(ports[0], MY_EVENT, &my_value) == 0);
	retrieve(ports[0]);
	nothing_is_there(ports[0]);

	/* One event for each of several ports. */
	CHECK(port_sendn(ports, errors, PORTS, MY_EVENT, &my_value) == PORTS);
	for (i = 0; i < PORTS; i++) {
		retrieve(ports[i]);
		nothing_is_there(ports[i]);
	}

	/* If a port does not get it, there is a result for each of them. */
	CHECK(close(ports[1]) == 0);
	i = ports[2];
	ports[2] = STDIN_FILENO;
	CHECK(port_sendn(ports, errors, PORTS, MY_EVENT, &my_value) == PORTS - 2);
	CHECK(errors[0] == 0 && errors[1] == EBADF && errors[2] == EBADFD && errors[3] == 0);
	ports[2] = i;
	retrieve(ports[0]);
	nothing_is_there(ports[2]);
	retrieve(ports[3]);

	CHECK_ERRNO(port_sendn(ports, errors, 0, MY_EVENT, &my_value), EINVAL);
	CHECK_ERRNO(port_send(ports[1], MY_EVENT, &my_value), EBADF);
	CHECK_ERRNO(port_send(STDIN_FILENO, MY_EVENT, &my_value), EBADFD);

	/* What is sent in alert mode is retrieved after it. */
	CHECK(port_alert(ports[0], PORT_ALERT_SET, 1, NULL) == 0);
	CHECK(port_send(ports[0], MY_EVENT, &my_value) == 0);
	for (i = 0; i < 3; i++)
		CHECK(port_get(ports[0], &event, NULL) == 0 && event.portev_source == PORT_SOURCE_ALERT);
	CHECK(port_alert(ports[0], PORT_ALERT_SET, 0, NULL) == 0);
	retrieve(ports[0]);

	for (i = 0; i < PORTS; i++)
		if (i != 1)
			CHECK(close(ports[i]) == 0);
	return 0;
}
