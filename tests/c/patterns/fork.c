/*
 * fork: the child closes what it has inherited and makes a port of its own, as
 * every event loop does that supports fork at all. Neither disturbs the other,
 * whatever the threads of the parent were doing at that moment.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPES = 10, CHILDREN = 50 };

static int read_ends[PIPES], write_ends[PIPES];

static void make_pipes(void)
{
	int at;

	for (at = 0; at < PIPES; at++) {
		int ends[2];

		CHECK(pipe(ends) == 0);
		read_ends[at] = ends[0];
		write_ends[at] = ends[1];
	}
}

static void close_pipes(void)
{
	int at;

	for (at = 0; at < PIPES; at++)
		CHECK(close(read_ends[at]) == 0 && close(write_ends[at]) == 0);
}

static void arm_all(int port, int *cookies)
{
	int at;

	for (at = 0; at < PIPES; at++)
		CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)read_ends[at], POLLIN, &cookies[at]) == 0);
}

/* Takes exactly one event for each pipe, and finds no more. */
static void take_all(int port, const int *cookies)
{
	port_event_t events[2 * PIPES];
	struct timespec now = {0, 0};
	int seen[PIPES];
	uint_t count = PIPES, i;

	memset(seen, 0, sizeof(seen));
	CHECK(port_getn(port, events, 2 * PIPES, &count, NULL) == 0);
	CHECK(count == PIPES);
	for (i = 0; i < count; i++) {
		long at = (int *)events[i].portev_user - cookies;

		CHECK(at >= 0 && at < PIPES && !seen[at]);
		CHECK(events[i].portev_object == (uintptr_t)read_ends[at] && events[i].portev_events == POLLIN);
		seen[at] = 1;
	}
	count = 1;
	CHECK(port_getn(port, events, 2 * PIPES, &count, &now) == 0 && count == 0);
}

/* Waits for a child that has done all right. */
static void reap(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A loop in the child, over the same pipes. The parent's associations stay armed, its events stay queued. */
static void a_new_port_in_the_child(int inherited_is_closed)
{
	static int parents[PIPES], childs[PIPES];
	int port = port_create(), at;
	port_event_t event;
	pid_t child;

	CHECK(port >= 0);
	make_pipes();
	CHECK(port_send(port, 1, NULL) == 0);
	arm_all(port, parents);
	child = fork();
	CHECK(child != -1);
	if (child == 0) {
		int own;

		if (inherited_is_closed)
			CHECK(close(port) == 0);
		own = port_create();
		CHECK(own >= 0 && (own == port) == inherited_is_closed);
		arm_all(own, childs);
		for (at = 0; at < PIPES; at++)
			CHECK(write(write_ends[at], "x", 1) == 1);
		take_all(own, childs);
		for (at = 0; at < PIPES; at++) {
			CHECK(port_associate(own, PORT_SOURCE_FD, (uintptr_t)read_ends[at], POLLIN, NULL) == 0);
			CHECK(port_dissociate(own, PORT_SOURCE_FD, (uintptr_t)read_ends[at]) == 0);
		}
		close_pipes();
		CHECK(close(own) == 0);
		_exit(0);
	}
	reap(child);
	CHECK(port_get(port, &event, NULL) == 0);
	CHECK(event.portev_source == PORT_SOURCE_USER && event.portev_events == 1);
	take_all(port, parents);
	close_pipes();
	CHECK(close(port) == 0);
}

/* A child that only closes, or ends without closing, takes nothing away. */
static void a_child_that_just_goes(void)
{
	static int cookies[PIPES];
	int port = port_create(), way, at;

	CHECK(port >= 0);
	make_pipes();
	arm_all(port, cookies);
	for (way = 0; way < 3; way++) {
		pid_t child = fork();

		CHECK(child != -1);
		if (child == 0) {
			if (way > 0)
				CHECK(close(port) == 0);
			if (way > 1)
				close_pipes();
			_exit(0);
		}
		reap(child);
	}
	for (at = 0; at < PIPES; at++)
		CHECK(write(write_ends[at], "x", 1) == 1);
	take_all(port, cookies);
	close_pipes();
	CHECK(close(port) == 0);
}

static int busy_port;
static int stop_fd[2];

/* Sends, takes, associates and dissociates until told to stop. */
static void *keep_busy(void *argument)
{
	struct pollfd stop;
	int ends[2];

	(void)argument;
	stop.fd = stop_fd[0];
	stop.events = POLLIN;
	CHECK(pipe(ends) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	while (poll(&stop, 1, 0) == 0) {
		struct timespec moment = {0, 50000};
		port_event_t event;

		CHECK(port_associate(busy_port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == 0);
		CHECK(port_send(busy_port, 1, NULL) == 0);
		if (port_get(busy_port, &event, &moment) == -1)
			CHECK(errno == ETIME);
		if (port_dissociate(busy_port, PORT_SOURCE_FD, (uintptr_t)ends[0]) == -1)
			CHECK(errno == ENOENT);
	}
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	return NULL;
}

/* Locks and queues may be in any state when the child begins, and its threads are gone. */
static void children_of_a_busy_parent(void)
{
	pthread_t threads[3];
	int i;

	busy_port = port_create();
	CHECK(busy_port >= 0);
	CHECK(pipe(stop_fd) == 0);
	make_pipes();
	for (i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
	for (i = 0; i < CHILDREN && MALLOC_SURVIVES_FORK; i++) {
		pid_t child = fork();

		CHECK(child != -1);
		if (child == 0) {
			static int cookies[PIPES];
			int at, own;

			CHECK(close(busy_port) == 0);
			own = port_create();
			CHECK(own >= 0);
			arm_all(own, cookies);
			for (at = 0; at < PIPES; at++)
				CHECK(write(write_ends[at], "x", 1) == 1);
			take_all(own, cookies);
			for (at = 0; at < PIPES; at++) {
				char byte;

				CHECK(read(read_ends[at], &byte, 1) == 1);
			}
			CHECK(close(own) == 0);
			_exit(0);
		}
		reap(child);
	}
	CHECK(write(stop_fd[1], "x", 1) == 1);
	for (i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(close(stop_fd[0]) == 0 && close(stop_fd[1]) == 0);
	close_pipes();
	CHECK(close(busy_port) == 0);
}

int main(void)
{
	a_new_port_in_the_child(1);
	a_new_port_in_the_child(0);
	a_child_that_just_goes();
	children_of_a_busy_parent();
	return 0;
}
