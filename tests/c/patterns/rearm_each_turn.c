/*
 * Re-arming at the beginning of the next turn of the loop, as libev does it:
 * handlers only note what they want of their descriptor from now on, and
 * whatever has had its event, or has changed its mind, is associated anew
 * before the loop waits again.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 50, ROUNDS = 20, WATCHES = 2 * PAIRS };

struct watch {
	int fd;
	int wants;   /* POLL* */
	int changed; /* to be looked at before the next wait */
	int rounds;  /* how often the ball has come by */
};

static struct watch watches[WATCHES];
static int port;
static int events_seen;

static void want(struct watch *watch, int wants)
{
	watch->wants = wants;
	watch->changed = 1;
}

static void rearm(void)
{
	struct watch *watch;

	for (watch = watches; watch < watches + WATCHES; watch++) {
		uintptr_t object = (uintptr_t)watch->fd;

		if (!watch->changed)
			continue;
		watch->changed = 0;
		if (watch->wants)
			CHECK(port_associate(port, PORT_SOURCE_FD, object, watch->wants, watch) == 0);
		else /* It may or may not be armed at this moment. */
			CHECK(port_dissociate(port, PORT_SOURCE_FD, object) == 0 || errno == ENOENT);
	}
}

/* One turn: up to `max` events, at least one. Returns how many came. */
static unsigned turn(void (*handle)(struct watch *, int), unsigned max)
{
	port_event_t events[8];
	struct timespec moment = {0, 20000000};
	uint_t count = 1, i;

	rearm();
	if (port_getn(port, events, max, &count, &moment) == -1)
		CHECK(errno == ETIME);
	CHECK(count <= max);
	for (i = 0; i < count; i++) {
		struct watch *watch = (struct watch *)events[i].portev_user;

		CHECK(events[i].portev_source == PORT_SOURCE_FD);
		CHECK(events[i].portev_object == (uintptr_t)watch->fd);
		events_seen++;
		/* It is not armed any more, whatever the handler thinks of it. */
		watch->changed = 1;
		handle(watch, events[i].portev_events);
	}
	return count;
}

/* Takes the ball when it comes, and then wants to throw it. */
static void play(struct watch *watch, int events)
{
	char ball;

	if (watch->wants == POLLIN) {
		CHECK(events == POLLIN);
		CHECK(read(watch->fd, &ball, 1) == 1 && ball == 'o');
		watch->rounds++;
		want(watch, POLLOUT);
	} else {
		CHECK(watch->wants == POLLOUT && events == POLLOUT);
		CHECK(write(watch->fd, "o", 1) == 1);
		want(watch, watch->rounds < ROUNDS ? POLLIN : 0);
	}
}

static void ping_pong(void)
{
	int pair, i;

	for (pair = 0; pair < PAIRS; pair++) {
		int ends[2];

		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
		watches[2 * pair].fd = ends[0];
		watches[2 * pair + 1].fd = ends[1];
		want(&watches[2 * pair], POLLOUT);
		want(&watches[2 * pair + 1], POLLIN);
	}
	while (turn(play, 8) > 0)
		continue;
	/*
	 * Who begins throws once more than it takes until it has taken all; the
	 * last throw of the other stays unread. No event came twice or in vain.
	 */
	for (i = 0; i < WATCHES; i++)
		CHECK(watches[i].rounds == ROUNDS);
	CHECK(events_seen == PAIRS * (4 * ROUNDS + 1));
}

static int pieces;

static void read_one(struct watch *watch, int events)
{
	char piece;

	CHECK(events & POLLIN);
	CHECK(read(watch->fd, &piece, 1) == 1);
	pieces++;
	want(watch, POLLIN);
}

/* What is left of the input brings the next event at once, without a loop of reads. */
static void one_piece_for_each_turn(void)
{
	/* Neither end is armed any more. */
	CHECK(write(watches[1].fd, "abc", 3) == 3);
	CHECK(turn(read_one, 8) == 0);
	want(&watches[0], POLLIN);
	while (turn(read_one, 8) > 0)
		continue;
	CHECK(pieces == 3);
}

static int both;

static void count_both(struct watch *watch, int events)
{
	both++;
	CHECK(events == (POLLIN | POLLOUT));
	CHECK(watch->fd == watches[2].fd);
	want(watch, 0);
}

/* An event ends the interest in reading and in writing alike, and a change before the wait is the one that counts. */
static void interest_is_one_thing(void)
{
	CHECK(write(watches[3].fd, "x", 1) == 1);
	want(&watches[2], POLLIN);
	rearm();
	want(&watches[2], POLLOUT);
	rearm();
	want(&watches[2], POLLIN | POLLOUT);
	CHECK(turn(count_both, 8) == 1);
	CHECK(turn(count_both, 8) == 0);
	CHECK(both == 1);
}

int main(void)
{
	int i;

	port = port_create();
	CHECK(port >= 0);
	ping_pong();
	one_piece_for_each_turn();
	interest_is_one_thing();
	for (i = 0; i < WATCHES; i++)
		CHECK(close(watches[i].fd) == 0);
	CHECK(close(port) == 0);
	return 0;
}
