/*
 * Threads: a pool waits on one port while others add interest, take it back
 * and send. Every event goes to one thread.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { WORKERS = 4, ADDERS = 3, PIPES = 30, ROUNDS = 2000, QUIT = -1 };

static int port;

/* One thread waits without limit, and what it gets is associated, or sent, only after that. */
static int sync_pipe[2];

static void *wait_for_three(void *argument)
{
	port_event_t event;
	int i;

	(void)argument;
	for (i = 0; i < 3; i++) {
		CHECK(write(sync_pipe[1], "x", 1) == 1);
		CHECK(port_get(port, &event, NULL) == 0);
		CHECK(event.portev_user == &sync_pipe[i % 2]);
	}
	return NULL;
}

static void interest_added_while_a_thread_waits(void)
{
	struct timespec moment = {0, 2000000};
	pthread_t thread;
	int ready[2], empty[2], i;
	char byte;

	CHECK(pipe(sync_pipe) == 0 && pipe(ready) == 0 && pipe(empty) == 0);
	CHECK(write(ready[1], "x", 1) == 1);
	CHECK(pthread_create(&thread, NULL, wait_for_three, NULL) == 0);
	for (i = 0; i < 3; i++) {
		CHECK(read(sync_pipe[0], &byte, 1) == 1);
		/* Almost certainly it waits by now; the test is right in either case. */
		nanosleep(&moment, NULL);
		if (i == 0)
			CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ready[0], POLLIN, &sync_pipe[0]) == 0);
		if (i == 1) {
			CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)empty[0], POLLIN, &sync_pipe[1]) == 0);
			nanosleep(&moment, NULL);
			CHECK(write(empty[1], "x", 1) == 1);
		}
		if (i == 2)
			CHECK(port_send(port, 0, &sync_pipe[0]) == 0);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	for (i = 0; i < 2; i++)
		CHECK(close(sync_pipe[i]) == 0 && close(ready[i]) == 0 && close(empty[i]) == 0);
}

struct channel {
	int ends[2];
	pthread_mutex_t mutex;
	long associated, delivered, taken_back;
};

static struct channel channels[PIPES];
static pthread_mutex_t sent_mutex = PTHREAD_MUTEX_INITIALIZER;
static long sent, received;

static void *work(void *argument)
{
	unsigned least = *(unsigned *)argument;
	port_event_t events[4];

	for (;;) {
		struct timespec moment = {0, 500000};
		uint_t count = least, i;

		if (port_getn(port, events, 4, &count, least == 1 ? NULL : &moment) == -1)
			CHECK(errno == ETIME);
		for (i = 0; i < count; i++) {
			struct channel *channel = (struct channel *)events[i].portev_user;

			if (events[i].portev_source == PORT_SOURCE_USER) {
				if (events[i].portev_events == QUIT) {
					/* For the next worker. What else is in this batch comes after all others have finished. */
					CHECK(i + 1 == count);
					CHECK(port_send(port, QUIT, NULL) == 0);
					return NULL;
				}
				CHECK(pthread_mutex_lock(&sent_mutex) == 0);
				received++;
				CHECK(pthread_mutex_unlock(&sent_mutex) == 0);
				continue;
			}
			CHECK(events[i].portev_source == PORT_SOURCE_FD);
			CHECK(events[i].portev_object == (uintptr_t)channel->ends[0]);
			CHECK(pthread_mutex_lock(&channel->mutex) == 0);
			channel->delivered++;
			CHECK(channel->delivered + channel->taken_back <= channel->associated);
			CHECK(pthread_mutex_unlock(&channel->mutex) == 0);
		}
	}
}

static void *add(void *argument)
{
	int first = *(int *)argument, round, at;

	for (round = 0; round < ROUNDS; round++) {
		for (at = first; at < PIPES; at += ADDERS) {
			struct channel *channel = &channels[at];
			uintptr_t object = (uintptr_t)channel->ends[0];

			/* What is taken back was not delivered, and what is not there to be taken back was, or will be. */
			CHECK(pthread_mutex_lock(&channel->mutex) == 0);
			if (port_dissociate(port, PORT_SOURCE_FD, object) == 0)
				channel->taken_back++;
			else
				CHECK(errno == ENOENT);
			CHECK(port_associate(port, PORT_SOURCE_FD, object, POLLIN, channel) == 0);
			channel->associated++;
			CHECK(pthread_mutex_unlock(&channel->mutex) == 0);
		}
		CHECK(port_send(port, round, NULL) == 0);
		CHECK(pthread_mutex_lock(&sent_mutex) == 0);
		sent++;
		CHECK(pthread_mutex_unlock(&sent_mutex) == 0);
	}
	return NULL;
}

static void a_pool(void)
{
	pthread_t workers[WORKERS], adders[ADDERS];
	unsigned least[WORKERS];
	int first[ADDERS], i;
	uint_t count;

	for (i = 0; i < PIPES; i++) {
		CHECK(pipe(channels[i].ends) == 0);
		CHECK(write(channels[i].ends[1], "x", 1) == 1);
		CHECK(pthread_mutex_init(&channels[i].mutex, NULL) == 0);
	}
	for (i = 0; i < WORKERS; i++) {
		least[i] = i == 0 ? 3 : 1;
		CHECK(pthread_create(&workers[i], NULL, work, &least[i]) == 0);
	}
	for (i = 0; i < ADDERS; i++) {
		first[i] = i;
		CHECK(pthread_create(&adders[i], NULL, add, &first[i]) == 0);
	}
	for (i = 0; i < ADDERS; i++)
		CHECK(pthread_join(adders[i], NULL) == 0);
	/* Behind everything that is queued. */
	CHECK(port_send(port, QUIT, NULL) == 0);
	for (i = 0; i < WORKERS; i++)
		CHECK(pthread_join(workers[i], NULL) == 0);
	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == 1);
	CHECK(sent == ADDERS * ROUNDS && received == sent);
	for (i = 0; i < PIPES; i++) {
		CHECK(channels[i].delivered + channels[i].taken_back == channels[i].associated);
		CHECK(close(channels[i].ends[0]) == 0 && close(channels[i].ends[1]) == 0);
		CHECK(pthread_mutex_destroy(&channels[i].mutex) == 0);
	}
}

static int contended[2];

static void *associate_again_and_again(void *argument)
{
	int round;

	for (round = 0; round < 10 * ROUNDS; round++)
		CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)contended[0], POLLIN, argument) == 0);
	return NULL;
}

static void *take_again_and_again(void *argument)
{
	int round;

	for (round = 0; round < 10 * ROUNDS; round++) {
		struct timespec now = {0, 0};
		port_event_t event;

		event.portev_source = 0;
		CHECK(port_get(port, &event, &now) == 0);
		CHECK(event.portev_source == 0 || event.portev_object == (uintptr_t)contended[0]);
	}
	return argument;
}

/* Nobody should do this, since one overtakes the other; but it is no error, and nothing breaks. */
static void one_descriptor_from_two_threads(void)
{
	struct timespec now = {0, 0};
	pthread_t threads[3];
	port_event_t events[4];
	uint_t count = 1;
	int i;

	CHECK(pipe(contended) == 0);
	CHECK(write(contended[1], "x", 1) == 1);
	for (i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, i < 2 ? associate_again_and_again : take_again_and_again, NULL) == 0);
	for (i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)contended[0], POLLIN, &contended) == 0);
	CHECK(port_getn(port, events, 4, &count, NULL) == 0);
	CHECK(count == 1 && events[0].portev_user == &contended);
	CHECK(port_getn(port, events, 4, &count, &now) == 0 && count == 0);
	CHECK(close(contended[0]) == 0 && close(contended[1]) == 0);
}

int main(void)
{
	port = port_create();
	CHECK(port >= 0);
	interest_added_while_a_thread_waits();
	one_descriptor_from_two_threads();
	a_pool();
	CHECK(close(port) == 0);
	return 0;
}
