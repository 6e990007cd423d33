/*
 * A storm: threads call everything with whatever is at hand. Numbers become
 * ports, pipes and files, and are closed, under each other's hands; objects
 * are associated with ports that are gone, timers outlive what they tell, and
 * children are forked in the midst of it. No call may do more than fail.
 *
 * Written to be run where memory errors show: with AddressSanitizer, or under
 * valgrind. Another seed may be given as argument.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <port_linux.h>
#endif

enum { THREADS = 3, STEPS = 20000, FIRST = 300, NUMBERS = 12, FILES = 4, TIMERS = 6, CHILDREN = 10 };

struct dice {
	unsigned long state;
};

static struct file_obj files[FILES];
static char names[FILES][8];

/* Timers may be made and deleted by one thread at a time, as everywhere. */
static pthread_mutex_t timers_mutex = PTHREAD_MUTEX_INITIALIZER;
static timer_t timers[TIMERS];
static int timer_exists[TIMERS];

static unsigned roll(struct dice *dice, unsigned sides)
{
	dice->state = dice->state * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(dice->state >> 33) % sides;
}

static int any(struct dice *dice)
{
	return FIRST + (int)roll(dice, NUMBERS);
}

static void *cookie(struct dice *dice)
{
	return (void *)(uintptr_t)roll(dice, 1000);
}

/* Moves a new descriptor to one of the numbers. */
static void put(struct dice *dice, int fd)
{
	if (fd < 0)
		return;
	dup2(fd, any(dice));
	close(fd);
}

static void change_a_number(struct dice *dice)
{
	int ends[2];

	switch (roll(dice, 8)) {
	case 0:
	case 1:
	case 2:
		put(dice, port_create());
		break;
	case 3:
		if (pipe(ends) == 0) {
			if (roll(dice, 2))
				CHECK(write(ends[1], "x", 1) == 1);
			put(dice, ends[0]);
			put(dice, ends[1]);
		}
		break;
	case 4:
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
			put(dice, ends[0]);
			put(dice, ends[1]);
		}
		break;
	case 5:
		put(dice, open(names[roll(dice, FILES)], O_RDONLY));
		break;
	case 6:
		dup2(any(dice), any(dice));
		break;
	default:
#ifdef __linux__
		if (roll(dice, 2)) {
			port_linux_close(any(dice));
			break;
		}
#endif
		close(any(dice));
	}
}

static void retrieve(struct dice *dice)
{
	struct timespec timeout;
	unsigned max = roll(dice, 6), i;
	uint_t count = roll(dice, 4);
	/* Exactly as large as the library is told. */
	port_event_t *list = (port_event_t *)malloc((max + 1) * sizeof(*list));

	CHECK(list != NULL);
	timeout.tv_sec = 0;
	timeout.tv_nsec = (long)roll(dice, 3) * 100000;
	memset(list, 0, (max + 1) * sizeof(*list));
	list[max].portev_user = list;
	if (port_getn(any(dice), list, max, &count, &timeout) == 0 || errno == ETIME) {
		for (i = 0; max > 0 && i < count; i++)
			CHECK(list[i].portev_source >= PORT_SOURCE_AIO && list[i].portev_source <= PORT_SOURCE_FILE);
	}
	CHECK(list[max].portev_user == list && list[max].portev_source == 0);
	free(list);
}

static void change_a_file(struct dice *dice)
{
	const char *name = names[roll(dice, FILES)];
	int fd;

	switch (roll(dice, 5)) {
	case 0:
		fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
		if (fd >= 0) {
			CHECK(write(fd, "x", 1) == 1);
			close(fd);
		}
		break;
	case 1:
		chmod(name, roll(dice, 2) ? 0600 : 0640);
		break;
	case 2:
		rename(name, names[roll(dice, FILES)]);
		break;
	case 3:
		unlink(name);
		break;
	default:
		truncate(name, 0);
	}
}

static void use_a_timer(struct dice *dice)
{
	unsigned at = roll(dice, TIMERS);
	struct sigevent notification;
	struct itimerspec setting;
	port_notify_t notify;

	CHECK(pthread_mutex_lock(&timers_mutex) == 0);
	memset(&setting, 0, sizeof(setting));
	if (!timer_exists[at]) {
		notify.portnfy_port = any(dice);
		notify.portnfy_user = cookie(dice);
		memset(&notification, 0, sizeof(notification));
		notification.sigev_notify = SIGEV_PORT;
		notification.sigev_value.sival_ptr = &notify;
		timer_exists[at] = timer_create(CLOCK_REALTIME, &notification, &timers[at]) == 0;
	} else if (roll(dice, 3)) {
		setting.it_value.tv_nsec = (long)roll(dice, 3) * 100000;
		setting.it_interval.tv_nsec = (long)roll(dice, 2) * 200000;
		CHECK(timer_settime(timers[at], 0, &setting, NULL) == 0);
	} else {
		CHECK(timer_delete(timers[at]) == 0);
		timer_exists[at] = 0;
	}
	CHECK(pthread_mutex_unlock(&timers_mutex) == 0);
}

static void step(struct dice *dice)
{
	int ports[NUMBERS], errors[NUMBERS], i;

	switch (roll(dice, 24)) {
	case 0:
		change_a_number(dice);
		break;
	case 1:
		change_a_file(dice);
		break;
	case 2:
		use_a_timer(dice);
		break;
	case 3:
	case 4:
		port_associate(any(dice), PORT_SOURCE_FILE, (uintptr_t)&files[roll(dice, FILES)],
			(int)roll(dice, 8) | (roll(dice, 2) ? FILE_TRUNC : 0) | (roll(dice, 4) ? 0 : FILE_NOFOLLOW), cookie(dice));
		break;
	case 5:
		port_dissociate(any(dice), PORT_SOURCE_FILE, (uintptr_t)&files[roll(dice, FILES)]);
		break;
	case 6:
		port_dissociate(any(dice), PORT_SOURCE_FD, (uintptr_t)any(dice));
		break;
	case 7:
		port_alert(any(dice), (int)roll(dice, 4), (int)roll(dice, 2), cookie(dice));
		break;
	case 8:
		port_alert(any(dice), PORT_ALERT_SET, 0, NULL);
		break;
	case 9:
		for (i = 0; i < NUMBERS; i++)
			ports[i] = any(dice);
		port_sendn(ports, errors, roll(dice, NUMBERS), (int)roll(dice, 100), cookie(dice));
		break;
	case 10:
	case 11:
	case 12:
		port_send(any(dice), (int)roll(dice, 100), cookie(dice));
		break;
#ifdef __linux__
	case 13:
		/* Promises that nobody here keeps. */
		port_linux_trust(any(dice), roll(dice, 8) ? 0 : (int)roll(dice, 4));
		break;
#endif
	case 14:
	case 15:
	case 16:
	case 17:
		port_associate(any(dice), PORT_SOURCE_FD, (uintptr_t)any(dice), (int)roll(dice, 64), cookie(dice));
		break;
	default:
		retrieve(dice);
	}
}

static void *weather(void *argument)
{
	struct dice dice = *(struct dice *)argument;
	int i;

	for (i = 0; i < STEPS; i++)
		step(&dice);
	return NULL;
}

/* The child has the ports' numbers and none of the threads. Timers it has none: their mutex may be locked, too. */
static void fork_a_child(struct dice *dice)
{
	pid_t child = fork();
	int status, i;

	CHECK(child != -1);
	if (child == 0) {
		int port;

		for (i = 0; i < 50; i++) {
			port_send(any(dice), 1, NULL);
			port_associate(any(dice), PORT_SOURCE_FD, (uintptr_t)any(dice), POLLIN, NULL);
		}
		port = port_create();
		CHECK(port >= 0 && port_send(port, 1, NULL) == 0);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* After all that a port is a port. */
static void calm(void)
{
	struct timespec timeout = {30, 0};
	int port = port_create(), ends[2];
	port_event_t event;

	CHECK(port >= 0);
	CHECK(pipe(ends) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, &port) == 0);
	CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FILE, (uintptr_t)&files[0]), EINVAL);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_get(port, &event, &timeout) == 0);
	CHECK(event.portev_source == PORT_SOURCE_FD && event.portev_user == &port && event.portev_events == POLLIN);
	CHECK(close(port) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	struct dice dice[THREADS], own;
	pthread_t threads[THREADS];
	int i;

	/* Pipes without readers. */
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	for (i = 0; i < FILES; i++) {
		names[i][0] = 'f';
		names[i][1] = (char)('0' + i);
		files[i].fo_name = names[i];
	}
	for (i = 0; i < THREADS; i++) {
		dice[i].state = seed * 1000 + (unsigned long)i;
		CHECK(pthread_create(&threads[i], NULL, weather, &dice[i]) == 0);
	}
	own.state = seed;
	for (i = 0; i < CHILDREN && MALLOC_SURVIVES_FORK; i++)
		fork_a_child(&own);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (i = 0; i < TIMERS; i++)
		if (timer_exists[i])
			CHECK(timer_delete(timers[i]) == 0);
	for (i = FIRST; i < FIRST + NUMBERS; i++)
		close(i);
	for (i = 0; i < FILES; i++)
		unlink(names[i]);
	calm();
	return 0;
}
