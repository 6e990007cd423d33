/*
 * Threads that are cancelled, and have not been told not to wait on ports. The
 * calls are no cancellation points (SYS-7): a thread ends at its next one, with
 * what it was given in hand, and the port is none the worse for it.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <aio.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { WAITERS = 4, ROUNDS = 20 };

static int port;

/* How many threads are next to wait. What tells of it must be no cancellation point either. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int about_to_wait;

static void announce(void)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
	about_to_wait++;
	CHECK(pthread_cond_signal(&changed) == 0);
	CHECK(pthread_mutex_unlock(&mutex) == 0);
}

/* Whether the kernel ends the wait of a cancelled thread with EINTR is its own affair. */
static int cancelled_call(int result)
{
	if (result == -1)
		CHECK(errno == EINTR);
	return result;
}

static void *wait_for_one(void *argument)
{
	int *got = (int *)argument;
	port_event_t event;

	announce();
	*got = cancelled_call(port_get(port, &event, NULL)) == 0;
	if (*got)
		CHECK(event.portev_source == PORT_SOURCE_USER && event.portev_user == &port);
	pthread_testcancel();
	return NULL;
}

static void *wait_for_some(void *argument)
{
	int *got = (int *)argument;
	port_event_t events[3];
	uint_t count = 2;

	announce();
	*got = cancelled_call(port_getn(port, events, 3, &count, NULL)) == 0 ? (int)count : 0;
	pthread_testcancel();
	return NULL;
}

static void drain(void)
{
	struct timespec now = {0, 0};
	port_event_t events[16];
	uint_t count = 1;

	CHECK(port_getn(port, events, 16, &count, &now) == 0);
	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == 0);
}

/* Cancelled while they wait, or on their way to it. */
static void waiting(void)
{
	pthread_t threads[WAITERS];
	int got[WAITERS], i, sum = 0;
	struct timespec timeout = {30, 0};
	port_event_t event;
	void *result;

	port = port_create();
	CHECK(port >= 0);
	about_to_wait = 0;
	for (i = 0; i < WAITERS; i++)
		CHECK(pthread_create(&threads[i], NULL, i % 2 ? wait_for_some : wait_for_one, &got[i]) == 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	while (about_to_wait < WAITERS)
		CHECK(pthread_cond_wait(&changed, &mutex) == 0);
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	sched_yield();
	for (i = 0; i < WAITERS; i++)
		CHECK(pthread_cancel(threads[i]) == 0);
	/* More than all of them want. */
	for (i = 0; i < 3 * WAITERS; i++)
		CHECK(port_send(port, i, &port) == 0);
	for (i = 0; i < WAITERS; i++) {
		CHECK(pthread_join(threads[i], &result) == 0 && result == PTHREAD_CANCELED);
		sum += got[i];
	}
	/* No event is lost. */
	for (; sum < 3 * WAITERS; sum++)
		CHECK(port_get(port, &event, &timeout) == 0 && event.portev_user == &port);
	drain();
	CHECK(port_send(port, 1, &port) == 0 && port_get(port, &event, &timeout) == 0);
	CHECK(close(port) == 0);
}

static void notify_by(port_notify_t *notify, struct sigevent *notification)
{
	notify->portnfy_port = port;
	notify->portnfy_user = &port;
	memset(notification, 0, sizeof(*notification));
	notification->sigev_notify = SIGEV_PORT;
	notification->sigev_value.sival_ptr = notify;
}

static int events_of(int source)
{
	struct timespec timeout = {30, 0};
	port_event_t event;

	CHECK(port_get(port, &event, &timeout) == 0);
	CHECK(event.portev_source == source && event.portev_user == &port);
	return event.portev_events;
}

static int reached_the_end;
static int ends[2], file, spare;

static char file_name[] = "file";
static struct aiocb requests[2];

/* With the cancellation waiting all the time, every call does all it has to do. */
static void *everything(void *argument)
{
	static char bytes[2][4];
	struct timespec moment = {0, 1000000};
	struct itimerspec soon;
	struct sigevent notification;
	port_notify_t notify;
	struct file_obj object;
	port_event_t event;
	timer_t timer;
	int i;

	(void)argument;
	CHECK(pthread_cancel(pthread_self()) == 0);
	port = port_create();
	CHECK(port >= 0);

	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, &port) == 0);
	CHECK(events_of(PORT_SOURCE_FD) == POLLIN);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[1], POLLIN, &port) == 0);
	CHECK(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[1]) == 0);

	memset(&object, 0, sizeof(object));
	object.fo_name = file_name;
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, &port) == 0);
	/* Its times are not those of the file, so it has changed. */
	object.fo_mtime.tv_sec = 1;
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, &port) == 0);
	CHECK(events_of(PORT_SOURCE_FILE) == FILE_MODIFIED);
	memset(&object, 0, sizeof(object));
	object.fo_name = file_name;
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, &port) == 0);
	CHECK(port_dissociate(port, PORT_SOURCE_FILE, (uintptr_t)&object) == 0);

	notify_by(&notify, &notification);
	CHECK(timer_create(CLOCK_REALTIME, &notification, &timer) == 0);
	memset(&soon, 0, sizeof(soon));
	soon.it_value.tv_nsec = 1;
	CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
	CHECK(events_of(PORT_SOURCE_TIMER) >= 1);
	CHECK(timer_gettime(timer, &soon) == 0 && timer_delete(timer) == 0);

	/* A file, and a stream that has something. */
	for (i = 0; i < 2; i++) {
		requests[i].aio_fildes = i == 0 ? file : ends[0];
		requests[i].aio_buf = bytes[i];
		requests[i].aio_nbytes = 1;
		notify_by(&notify, &requests[i].aio_sigevent);
		CHECK(aio_read(&requests[i]) == 0);
		events_of(PORT_SOURCE_AIO);
		CHECK(aio_error(&requests[i]) == 0 && aio_return(&requests[i]) == 1 && bytes[i][0] == 'x');
	}

	CHECK(port_send(port, 1, &port) == 0);
	CHECK(events_of(PORT_SOURCE_USER) == 1);
	CHECK(port_alert(port, PORT_ALERT_SET, 2, &port) == 0);
	CHECK(events_of(PORT_SOURCE_ALERT) == 2);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
	if (port_get(port, &event, &moment) == -1)
		CHECK(errno == ETIME || errno == EINTR);

	/* One that is left to others. */
	spare = port_create();
	CHECK(spare >= 0 && port_send(spare, 1, NULL) == 0);
	reached_the_end = 1;
	pthread_testcancel();
	return NULL;
}

static void pending(void)
{
	pthread_t thread;
	void *result;

	CHECK(pipe(ends) == 0 && write(ends[1], "xx", 2) == 2);
	file = open(file_name, O_RDWR | O_CREAT, 0600);
	CHECK(file >= 0 && write(file, "x", 1) == 1);
	CHECK(pthread_create(&thread, NULL, everything, NULL) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
	CHECK(reached_the_end);
	CHECK(port_send(port, 1, &port) == 0);
	CHECK(events_of(PORT_SOURCE_USER) == 1);
	CHECK(close(port) == 0 && close(spare) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(file) == 0 && unlink(file_name) == 0);
}

int main(void)
{
	int round;

	for (round = 0; round < ROUNDS; round++)
		waiting();
	pending();
	return 0;
}
