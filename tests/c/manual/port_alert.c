/*
 * port_alert(3C), whose page has no example: a pool of threads that is told to
 * look up, and the flags.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 6, LOOK_UP = 0x10 };

static int port;
static int reason;
static int begun[2];

/* Even ones wait for one event, odd ones for five. Each returns with one alert. */
static void *wait_for_work(void *argument)
{
	port_event_t events[5];
	uint_t count = 5;

	memset(events, 0, sizeof(events));
	CHECK(write(begun[1], "x", 1) == 1);
	if (*(int *)argument % 2 == 0)
		CHECK(port_get(port, &events[0], NULL) == 0);
	else
		CHECK(port_getn(port, events, 5, &count, NULL) == 0 && count == 1);
	CHECK(events[0].portev_source == PORT_SOURCE_ALERT);
	CHECK(events[0].portev_events == LOOK_UP);
	CHECK(events[0].portev_user == &reason);
	CHECK(events[1].portev_source == 0);
	return NULL;
}

/* Every waiting thread wakes up, however many events it wants. */
static void all_threads_look_up(void)
{
	struct timespec pause = {0, 10000000};
	pthread_t threads[THREADS];
	int numbers[THREADS], i;
	port_event_t event;
	char byte;

	CHECK(pipe(begun) == 0);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = i;
		CHECK(pthread_create(&threads[i], NULL, wait_for_work, &numbers[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		CHECK(read(begun[0], &byte, 1) == 1);
	/* Most of them wait by now. Those that come later get the alert as well. */
	nanosleep(&pause, NULL);
	CHECK(port_alert(port, PORT_ALERT_SET, LOOK_UP, &reason) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_source == PORT_SOURCE_ALERT);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
	CHECK(close(begun[0]) == 0 && close(begun[1]) == 0);
}

static void expect_alert(int events, void *user)
{
	port_event_t event;

	CHECK(port_get(port, &event, NULL) == 0);
	CHECK(event.portev_source == PORT_SOURCE_ALERT);
	CHECK(event.portev_events == events && event.portev_user == user);
}

static void flags(void)
{
	/* PORT_ALERT_UPDATE is for a port that is not in alert mode yet. */
	CHECK(port_alert(port, PORT_ALERT_UPDATE, 1, &port) == 0);
	expect_alert(1, &port);
	CHECK_ERRNO(port_alert(port, PORT_ALERT_UPDATE, 2, NULL), EBUSY);
	expect_alert(1, &port);
	/* PORT_ALERT_SET replaces the alert that there is. */
	CHECK(port_alert(port, PORT_ALERT_SET, 3, &reason) == 0);
	expect_alert(3, &reason);
	/* One excludes the other. */
	CHECK_ERRNO(port_alert(port, PORT_ALERT_SET | PORT_ALERT_UPDATE, 4, NULL), EINVAL);
	CHECK_ERRNO(port_alert(port, PORT_ALERT_INVALID, 4, NULL), EINVAL);
	expect_alert(3, &reason);
	/* No events: the end of alert mode, if there was any. */
	CHECK(port_alert(port, PORT_ALERT_UPDATE, 0, NULL) == 0);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
	CHECK_ERRNO(port_alert(STDIN_FILENO, PORT_ALERT_SET, 1, NULL), EBADFD);
}

/* What happens meanwhile is retrieved when alert mode has ended. */
static void events_wait(void)
{
	port_event_t events[2];
	uint_t count = 2;
	int ends[2];

	CHECK(pipe(ends) == 0);
	CHECK(port_alert(port, PORT_ALERT_SET, 1, NULL) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_send(port, 5, NULL) == 0);
	expect_alert(1, NULL);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
	CHECK(port_getn(port, events, 2, &count, NULL) == 0 && count == 2);
	CHECK(events[0].portev_source == PORT_SOURCE_FD && events[1].portev_source == PORT_SOURCE_USER);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void)
{
	port = port_create();
	CHECK(port >= 0);
	all_threads_look_up();
	flags();
	events_wait();
	CHECK(close(port) == 0);
	return 0;
}
