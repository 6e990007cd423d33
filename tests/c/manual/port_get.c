/*
 * port_get(3C), example 1: a program sends itself an event and retrieves it,
 * with a timeout of a second. The page says that another thread could do the
 * second half as well, so one does.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <pthread.h>
#include <unistd.h>

enum { MY_EVENT = 0x01 };

static int my_value;

/* What the page says of errors: EINTR and ETIME may be tried again, others end the port's use. */
static int retrieve(int port, port_event_t *event)
{
	timespec_t timeout;

	timeout.tv_sec = 1;
	timeout.tv_nsec = 0;
	return port_get(port, event, &timeout);
}

static void check(const port_event_t *event)
{
	CHECK(event->portev_source == PORT_SOURCE_USER);
	CHECK(event->portev_events == MY_EVENT);
	CHECK(event->portev_user == &my_value);
	/* The page has an object of the program's choice here, which port_send has no argument for. It is 0. */
	CHECK(event->portev_object == 0);
}

static void *retrieve_in_thread(void *argument)
{
	port_event_t event;

	CHECK(retrieve(*(int *)argument, &event) == 0);
	check(&event);
	return NULL;
}

int main(void)
{
	int port = port_create();
	port_event_t event;
	pthread_t thread;

	CHECK(port >= 0);
	CHECK(port_send(port, MY_EVENT, &my_value) == 0);
	CHECK(retrieve(port, &event) == 0);
	check(&event);

	CHECK(pthread_create(&thread, NULL, retrieve_in_thread, &port) == 0);
	CHECK(port_send(port, MY_EVENT, &my_value) == 0);
	CHECK(pthread_join(thread, NULL) == 0);

	/* There was one event for each. */
	CHECK_ERRNO(retrieve(port, &event), ETIME);
	CHECK(close(port) == 0);
	CHECK_ERRNO(retrieve(port, &event), EBADF);
	return 0;
}
