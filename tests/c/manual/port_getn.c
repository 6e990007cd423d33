/*
 * port_get(3C), what it says of port_getn: a desired number of events, a
 * maximum, and the number that was retrieved.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <pthread.h>
#include <unistd.h>

enum { MAX = 8 };

static void send_some(int port, int count)
{
	int i;

	for (i = 0; i < count; i++)
		CHECK(port_send(port, i, NULL) == 0);
}

static void *send_five_one_by_one(void *argument)
{
	struct timespec pause = {0, 1000000};
	int i;

	for (i = 0; i < 5; i++) {
		CHECK(port_send(*(int *)argument, i, NULL) == 0);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int main(void)
{
	int port = port_create(), i;
	port_event_t list[MAX];
	timespec_t zero = {0, 0}, moment = {0, 5000000}, wrong = {-1, 0};
	uint_t nget;
	pthread_t thread;

	CHECK(port >= 0);

	/* A maximum of 0 asks how many there are. */
	send_some(port, 3);
	nget = 100;
	CHECK(port_getn(port, NULL, 0, &nget, NULL) == 0 && nget == 3);

	/* More than the desired number, if there are, but no more than the maximum. */
	nget = 1;
	CHECK(port_getn(port, list, 2, &nget, NULL) == 0 && nget == 2);
	CHECK(list[0].portev_events == 0 && list[1].portev_events == 1);
	nget = 1;
	CHECK(port_getn(port, list, MAX, &nget, NULL) == 0 && nget == 1);
	CHECK(list[0].portev_events == 2);

	/* A timeout of zero does not wait, and is no error. */
	nget = 1;
	CHECK(port_getn(port, list, MAX, &nget, &zero) == 0 && nget == 0);

	/* It waits for all that were desired. */
	CHECK(pthread_create(&thread, NULL, send_five_one_by_one, &port) == 0);
	nget = 5;
	CHECK(port_getn(port, list, MAX, &nget, NULL) == 0 && nget == 5);
	for (i = 0; i < 5; i++)
		CHECK(list[i].portev_events == i);
	CHECK(pthread_join(thread, NULL) == 0);

	/* Out of time it retrieves those that there are nevertheless. */
	send_some(port, 2);
	nget = 5;
	CHECK_ERRNO(port_getn(port, list, MAX, &nget, &moment), ETIME);
	CHECK(nget == 2 && list[1].portev_events == 1);

	/* Alert mode ends the wait. */
	CHECK(port_alert(port, PORT_ALERT_SET, 1, NULL) == 0);
	nget = 5;
	CHECK(port_getn(port, list, MAX, &nget, NULL) == 0 && nget == 1);
	CHECK(list[0].portev_source == PORT_SOURCE_ALERT);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);

	/* The errors. */
	nget = 1;
	CHECK_ERRNO(port_getn(port, list, MAX, &nget, &wrong), EINVAL);
	nget = MAX + 1;
	CHECK_ERRNO(port_getn(port, list, MAX, &nget, &zero), EINVAL);
	CHECK_ERRNO(port_getn(port, list, MAX, NULL, &zero), EINVAL);
	/* Where the page has EINVAL for a list of NULL the system has EFAULT. */
	nget = 1;
	CHECK_ERRNO(port_getn(port, NULL, MAX, &nget, &zero), EFAULT);
	CHECK_ERRNO(port_getn(STDIN_FILENO, list, MAX, &nget, &zero), EBADFD);
	CHECK(close(port) == 0);
	CHECK_ERRNO(port_getn(port, list, MAX, &nget, &zero), EBADF);
	return 0;
}
