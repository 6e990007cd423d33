/*
 * Cookies with a generation, as nginx has them: the address of a connection,
 * with its lowest bit for the generation. A handler may close connections that
 * have an event later in the same batch, and new ones take their descriptor
 * numbers and their places; what then comes for the old ones is stale.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <unistd.h>

enum { CONNECTIONS = 16, ROUNDS = 200 };

struct connection {
	int fd;   /* -1 when there is none */
	int peer;
	unsigned generation; /* 0 or 1 */
	int served;
};

static struct connection connections[CONNECTIONS];
static int port;
static int stale, served;

static void arm(struct connection *connection)
{
	uintptr_t cookie = (uintptr_t)connection | connection->generation;

	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)connection->fd, POLLIN, (void *)cookie) == 0);
}

/* A new connection, with input already there, in a place that is free. */
static void open_connection(struct connection *connection)
{
	int ends[2];

	CHECK(connection->fd == -1);
	CHECK(pipe(ends) == 0);
	CHECK(write(ends[1], "request", 7) == 7);
	connection->fd = ends[0];
	connection->peer = ends[1];
	connection->generation = !connection->generation;
	connection->served = 0;
	arm(connection);
}

/* Without dissociating: closing does that. */
static void close_connection(struct connection *connection)
{
	CHECK(close(connection->fd) == 0);
	CHECK(close(connection->peer) == 0);
	connection->fd = -1;
}

static struct connection *current(const port_event_t *event)
{
	uintptr_t cookie = (uintptr_t)event->portev_user;
	struct connection *connection = (struct connection *)(cookie & ~(uintptr_t)1);

	CHECK(event->portev_source == PORT_SOURCE_FD);
	CHECK(connection >= connections && connection < connections + CONNECTIONS);
	if (connection->fd == -1 || connection->generation != (cookie & 1)) {
		stale++;
		return NULL;
	}
	CHECK(event->portev_object == (uintptr_t)connection->fd);
	return connection;
}

static void serve(struct connection *connection)
{
	char request[16];

	/* If the event were another's, this would block, or find somebody else's. */
	CHECK(read(connection->fd, request, sizeof(request)) == 7);
	CHECK(connection->served == 0);
	connection->served = 1;
	served++;
}

/* The handler of one connection throws another one out, and a new one comes in its place. */
static void stale_within_the_batch(void)
{
	port_event_t events[CONNECTIONS];
	uint_t count, i;
	int closed = 0, at;

	for (at = 0; at < CONNECTIONS; at++)
		open_connection(&connections[at]);
	count = CONNECTIONS;
	CHECK(port_getn(port, events, CONNECTIONS, &count, NULL) == 0);
	CHECK(count == CONNECTIONS);
	for (i = 0; i < count; i++) {
		struct connection *connection = current(&events[i]);

		if (connection == NULL)
			continue;
		serve(connection);
		if (i + 1 < count) {
			/* The one of the next event. */
			struct connection *victim =
				(struct connection *)((uintptr_t)events[i + 1].portev_user & ~(uintptr_t)1);

			close_connection(victim);
			closed++;
			open_connection(victim);
		}
	}
	CHECK(stale == closed && closed == CONNECTIONS / 2);

	/* The new ones have their events to come, under their own cookies, and nothing comes for the old ones. */
	stale = 0;
	count = (uint_t)closed;
	CHECK(port_getn(port, events, CONNECTIONS, &count, NULL) == 0);
	CHECK(count == (uint_t)closed);
	for (i = 0; i < count; i++) {
		struct connection *connection = current(&events[i]);

		CHECK(connection != NULL);
		serve(connection);
	}
	CHECK(stale == 0 && served == CONNECTIONS);
	for (at = 0; at < CONNECTIONS; at++)
		close_connection(&connections[at]);
}

/* What is closed while its event is still in the port brings none, even if the number is taken again at once. */
static void nothing_stale_out_of_the_port(void)
{
	port_event_t events[CONNECTIONS];
	struct timespec now = {0, 0};
	int round, at;

	for (round = 0; round < ROUNDS; round++) {
		uint_t count = 0, i;

		served = 0;
		for (at = 0; at < CONNECTIONS; at++)
			open_connection(&connections[at]);
		if (round % 2) /* Some implementations only see now what is ready. */
			CHECK(port_getn(port, NULL, 0, &count, NULL) == 0 && count == CONNECTIONS);
		for (at = round % 3; at < CONNECTIONS; at += 3) {
			close_connection(&connections[at]);
			if (round % 4 < 2)
				open_connection(&connections[at]);
		}
		do {
			count = 1;
			CHECK(port_getn(port, events, 5, &count, &now) == 0);
			for (i = 0; i < count; i++) {
				struct connection *connection = current(&events[i]);

				CHECK(connection != NULL);
				serve(connection);
			}
		} while (count > 0);
		for (at = 0; at < CONNECTIONS; at++) {
			if (connections[at].fd == -1)
				continue;
			CHECK(connections[at].served);
			served--;
			close_connection(&connections[at]);
		}
		CHECK(served == 0);
	}
	CHECK(stale == 0);
}

int main(void)
{
	int at;

	port = port_create();
	CHECK(port >= 0);
	for (at = 0; at < CONNECTIONS; at++)
		connections[at].fd = -1;
	stale_within_the_batch();
	nothing_stale_out_of_the_port();
	CHECK(close(port) == 0);
	return 0;
}
