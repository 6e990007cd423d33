/*
 * A wheel of timers on one port: once, again and again, at a time of day, and
 * one that is stopped before its time. The thread that waits is not the one that
 * makes them.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
#include <errno.h>
#include <port.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ONCE, PERIODIC, AT_A_TIME, NEVER, TIMERS };

struct tick {
	const char *name;
	timer_t id;
	int expirations;
};

static struct tick ticks[TIMERS];
static int port;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void make(struct tick *tick, clockid_t clock, const char *name)
{
	struct sigevent sigev;
	port_notify_t pn;

	tick->name = name;
	pn.portnfy_port = port;
	pn.portnfy_user = tick;
	memset(&sigev, 0, sizeof(sigev));
	sigev.sigev_notify = SIGEV_PORT;
	sigev.sigev_value.sival_ptr = &pn;
	if (timer_create(clock, &sigev, &tick->id) == -1)
		die(name);
	/* Nothing of this is needed any more. */
	memset(&sigev, 0xff, sizeof(sigev));
	memset(&pn, 0xff, sizeof(pn));
}

static void start(struct tick *tick, int flags, time_t sec, long nsec, long interval)
{
	struct itimerspec its;

	its.it_value.tv_sec = sec;
	its.it_value.tv_nsec = nsec;
	its.it_interval.tv_sec = 0;
	its.it_interval.tv_nsec = interval;
	if (timer_settime(tick->id, flags, &its, NULL) == -1)
		die(tick->name);
}

static void *clockwork(void *arg)
{
	port_event_t pev;

	(void)arg;
	while (ticks[ONCE].expirations < 1 || ticks[PERIODIC].expirations < 5 || ticks[AT_A_TIME].expirations < 1) {
		struct tick *tick;

		if (port_get(port, &pev, NULL) == -1) {
			if (errno == EINTR)
				continue;
			die("port_get");
		}
		if (pev.portev_source != PORT_SOURCE_TIMER)
			die("portev_source");
		tick = (struct tick *)pev.portev_user;
		if ((uintptr_t)tick->id != pev.portev_object)
			die("portev_object");
		if (pev.portev_events < 1 || timer_getoverrun(tick->id) < 0)
			die("portev_events");
		tick->expirations += pev.portev_events;
	}
	return NULL;
}

int main(void)
{
	struct itimerspec left;
	struct timespec now;
	pthread_t thread;
	int i;

	if ((port = port_create()) < 0)
		die("port_create");
	make(&ticks[ONCE], CLOCK_REALTIME, "once");
	make(&ticks[PERIODIC], CLOCK_HIGHRES, "periodic");
	make(&ticks[AT_A_TIME], CLOCK_REALTIME, "at a time");
	make(&ticks[NEVER], CLOCK_REALTIME, "never");
	if (pthread_create(&thread, NULL, clockwork, NULL) != 0)
		die("pthread_create");

	start(&ticks[NEVER], 0, 3600, 0, 0);
	if (timer_gettime(ticks[NEVER].id, &left) == -1 || left.it_value.tv_sec < 3000)
		die("timer_gettime");
	start(&ticks[ONCE], 0, 0, 5000000, 0);
	start(&ticks[PERIODIC], 0, 0, 2000000, 2000000);
	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		die("clock_gettime");
	start(&ticks[AT_A_TIME], TIMER_ABSTIME, now.tv_sec, now.tv_nsec, 0);
	if (pthread_join(thread, NULL) != 0)
		die("pthread_join");

	if (ticks[ONCE].expirations != 1 || ticks[AT_A_TIME].expirations != 1 || ticks[NEVER].expirations != 0)
		die("expirations");
	for (i = 0; i < TIMERS; i++)
		if (timer_delete(ticks[i].id) == -1)
			die("timer_delete");
	(void)close(port);
	return 0;
}
