/*
 * The shared library as a plugin's: loaded when the program runs, unloaded while
 * ports live and a thread waits on one, and loaded again.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

static void *library;

/* A pointer to a function is not converted to one to data in strict C. */
#define FIND(function, name) \
	do { \
		void *symbol = dlsym(library, name); \
		CHECK(symbol != NULL); \
		memcpy(&(function), &symbol, sizeof(symbol)); \
	} while (0)

static int (*create)(void);
static int (*sends)(int, int, void *);
static int (*get)(int, port_event_t *, struct timespec *);

static void load(void)
{
	library = dlopen("libevent-ports.so.0", RTLD_NOW | RTLD_LOCAL);
	CHECK(library != NULL);
	FIND(create, "port_create");
	FIND(sends, "port_send");
	FIND(get, "port_get");
}

static void *wait_for_one(void *argument)
{
	int port = *(int *)argument;
	port_event_t event;

	CHECK(get(port, &event, NULL) == 0 && event.portev_events == 5);
	/* Told again, from a library that was unloaded while this thread was in it. */
	CHECK(sends(port, 6, NULL) == 0);
	return NULL;
}

int main(void)
{
	port_event_t event;
	pthread_t thread;
	int port, round;

	CHECK(dlsym(RTLD_DEFAULT, "port_create") == NULL);
	for (round = 0; round < 20; round++) {
		load();
		port = create();
		CHECK(port >= 0);
		CHECK(pthread_create(&thread, NULL, wait_for_one, &port) == 0);
		CHECK(dlclose(library) == 0);
		load();
		CHECK(sends(port, 5, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(get(port, &event, NULL) == 0 && event.portev_events == 6);
		CHECK(dlclose(library) == 0);
		CHECK(close(port) == 0);
	}
	return 0;
}
