/*
 * A number that is a port, then closed, then something else, then another
 * port, while other threads keep using it. Each call finds one of these, or
 * nothing; what they do not find they do not touch.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { NUMBER = 200, ROUNDS = 1500, THREADS = 3 };

static int data[2]; /* a pipe with one byte in it, always */
static int stop[2];

static int is_stopped(void)
{
	struct pollfd polled;

	polled.fd = stop[0];
	polled.events = POLLIN;
	return poll(&polled, 1, 0) != 0;
}

static void fine_or(int result, int also)
{
	if (result == -1)
		CHECK(errno == EBADF || errno == EBADFD || errno == also);
	else
		CHECK(result == 0);
}

static void *use(void *argument)
{
	long turn = *(int *)argument;

	while (!is_stopped()) {
		struct timespec moment = {0, 100000};
		port_event_t events[4];
		uint_t count = 1, i;

		/* Not all calls in each turn, so that each one is met by each change. */
		turn++;
		if (turn % 2)
			fine_or(port_send(NUMBER, (int)turn, &data), EAGAIN);
		if (turn % 3)
			fine_or(port_associate(NUMBER, PORT_SOURCE_FD, (uintptr_t)data[0], POLLIN, &data), EAGAIN);
		if (turn % 5 == 0) {
			fine_or(port_alert(NUMBER, PORT_ALERT_SET, 1, &data), 0);
			fine_or(port_alert(NUMBER, PORT_ALERT_SET, 0, NULL), 0);
		}
		events[0].portev_source = 0;
		if (port_getn(NUMBER, events, 4, &count, turn % 7 ? &moment : NULL) == -1) {
			if (errno != ETIME)
				count = 0;
			CHECK(errno == ETIME || errno == EBADF || errno == EBADFD);
		}
		for (i = 0; i < count; i++) {
			CHECK(events[i].portev_source != 0 && events[i].portev_user == &data);
			if (events[i].portev_source == PORT_SOURCE_FD)
				CHECK(events[i].portev_events == POLLIN && events[i].portev_object == (uintptr_t)data[0]);
		}
		if (turn % 4 == 0)
			fine_or(port_dissociate(NUMBER, PORT_SOURCE_FD, (uintptr_t)data[0]), ENOENT);
	}
	return NULL;
}

/* A port under the number, and events so that nobody waits on it for ever. */
static void put_port(int *kept)
{
	int port = port_create();

	CHECK(port >= 0);
	CHECK(dup2(port, NUMBER) == NUMBER);
	if (*kept >= 0)
		CHECK(close(*kept) == 0);
	*kept = port;
}

int main(void)
{
	pthread_t threads[THREADS];
	int numbers[THREADS], round, i, kept = -1, other = -1;
	struct pollfd polled;
	char byte;

	CHECK(pipe(data) == 0 && pipe(stop) == 0);
	CHECK(write(data[1], "x", 1) == 1);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = i * 1000;
		CHECK(pthread_create(&threads[i], NULL, use, &numbers[i]) == 0);
	}
	for (round = 0; round < ROUNDS; round++) {
		switch (round % 5) {
		case 0:
			put_port(&kept);
			break;
		case 1:
			put_port(&other);
			break;
		case 2:
			CHECK(dup2(data[0], NUMBER) == NUMBER);
			break;
		case 3:
			CHECK(dup2(kept, NUMBER) == NUMBER);
			break;
		default:
			CHECK(close(NUMBER) == 0);
		}
		/* Who waits on a port that is not at the number any more is not told by that. */
		if (round % 5 != 4) {
			port_send(kept, 0, &data);
			if (other >= 0)
				port_send(other, 0, &data);
		}
		sched_yield();
	}
	CHECK(write(stop[1], "x", 1) == 1);
	/* Those that still wait, wherever. */
	for (i = 0; i < 2 * THREADS; i++)
		CHECK(port_send(kept, 0, &data) == 0 && port_send(other, 0, &data) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);

	/* Nobody has read from the pipe, closed it, or changed it. */
	polled.fd = data[0];
	polled.events = POLLIN;
	CHECK(poll(&polled, 1, 0) == 1 && polled.revents == POLLIN);
	CHECK(read(data[0], &byte, 1) == 1 && byte == 'x');
	CHECK(close(kept) == 0 && close(other) == 0);
	for (i = 0; i < 2; i++)
		CHECK(close(data[i]) == 0 && close(stop[i]) == 0);
	return 0;
}
