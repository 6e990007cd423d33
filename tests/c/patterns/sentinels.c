/*
 * Sentinels: whether a call has stored an event is told by a field that was
 * set to an impossible value before, not by the call's result. libuv zeroes
 * portev_source; APR puts an address that is none into portev_user. Both have
 * to cope with signals: EINTR, at any moment, without losing an event.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

enum { ROOM = 8, SIGNALS = 500 };

#define NOTHING ((void *)(uintptr_t)-1)

static int port;
static volatile sig_atomic_t signals;

static void clear(port_event_t *events)
{
	int i;

	for (i = 0; i < ROOM; i++) {
		events[i].portev_source = 0;
		events[i].portev_user = NOTHING;
	}
}

static int stored(const port_event_t *events)
{
	int count = 0;

	while (count < ROOM && events[count].portev_source != 0)
		count++;
	/* The two ways agree, and nothing lies behind a gap. */
	while (count < ROOM) {
		CHECK(events[count].portev_source == 0 && events[count].portev_user == NOTHING);
		count++;
	}
	for (count = 0; count < ROOM && events[count].portev_user != NOTHING; count++)
		CHECK(events[count].portev_source != 0);
	return count;
}

static void nothing_is_stored_where_nothing_came(void)
{
	port_event_t events[ROOM];
	struct timespec now = {0, 0}, moment = {0, 1000000}, wrong = {0, 1000000000};
	uint_t count;

	clear(events);
	/* Success without an event. */
	CHECK(port_get(port, events, &now) == 0);
	CHECK(stored(events) == 0);
	CHECK_ERRNO(port_get(port, events, &moment), ETIME);
	CHECK(stored(events) == 0);
	count = 3;
	CHECK(port_getn(port, events, ROOM, &count, &now) == 0);
	CHECK(count == 0 && stored(events) == 0);
	count = 3;
	CHECK_ERRNO(port_getn(port, events, ROOM, &count, &moment), ETIME);
	CHECK(count == 0 && stored(events) == 0);
	count = 3;
	CHECK_ERRNO(port_getn(port, events, ROOM, &count, &wrong), EINVAL);
	CHECK(count == 3 && stored(events) == 0);
	count = ROOM + 1;
	CHECK_ERRNO(port_getn(port, events, ROOM, &count, &now), EINVAL);
	CHECK(count == ROOM + 1 && stored(events) == 0);

	CHECK(port_send(port, 0, NULL) == 0 && port_send(port, 0, NULL) == 0);
	count = 0;
	CHECK(port_getn(port, events, ROOM, &count, NULL) == 0);
	CHECK(count == 0 && stored(events) == 0);
	count = 3;
	CHECK_ERRNO(port_getn(port, events, ROOM, &count, &moment), ETIME);
	CHECK(count == 2 && stored(events) == 2);
}

static volatile sig_atomic_t sent;

static void send_one(int signal)
{
	int before = errno;

	(void)signal;
	signals++;
	if (signals % 2) {
		CHECK(port_send(port, sent + 1, &port) == 0);
		sent++;
	}
	CHECK(errno == before);
}

/*
 * Every other time the handler sends. Whether the call that it interrupts then
 * returns the event or EINTR is a matter of the moment.
 */
static void no_event_is_lost_to_a_signal(int flags)
{
	struct sigaction action;
	struct itimerval every;
	int expected = 1, interrupted = 0;

	memset(&action, 0, sizeof(action));
	action.sa_handler = send_one;
	action.sa_flags = flags;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	memset(&every, 0, sizeof(every));
	every.it_interval.tv_usec = every.it_value.tv_usec = 200;
	signals = sent = 0;
	CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (expected <= SIGNALS) {
		port_event_t events[ROOM];
		uint_t count = 1;
		int result, got, i;

		clear(events);
		result = port_getn(port, events, ROOM, &count, NULL);
		got = stored(events);
		if (result == -1) {
			/* None of the calls is restarted, whatever SA_RESTART says. */
			CHECK(errno == EINTR);
			CHECK(got == 0 && count == 1);
			interrupted++;
			continue;
		}
		CHECK(got >= 1 && count == (uint_t)got);
		for (i = 0; i < got; i++) {
			CHECK(events[i].portev_source == PORT_SOURCE_USER);
			CHECK(events[i].portev_events == expected++);
		}
	}
	memset(&every, 0, sizeof(every));
	CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	/* The call waits most of the time, and most signals that bring nothing come then. */
	CHECK(interrupted > SIGNALS / 10);
	for (; expected <= sent; expected++) {
		port_event_t event;

		CHECK(port_get(port, &event, NULL) == 0 && event.portev_events == expected);
	}
}

int main(void)
{
	port = port_create();
	CHECK(port >= 0);
	nothing_is_stored_where_nothing_came();
	no_event_is_lost_to_a_signal(0);
	no_event_is_lost_to_a_signal(SA_RESTART);
	CHECK(close(port) == 0);
	return 0;
}
