/*
 * Numbers that are no port: not open, or open and something else. Every call
 * says so, whatever else is wrong, and does nothing to what the number is.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <port_linux.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

/* Each call on a number that is not a port fails with this errno. */
static void refused(int number, int expected)
{
	static char file_name[] = "/";
	struct timespec now = {0, 0}, wrong = {-1, -1};
	struct sigevent notification;
	struct file_obj file;
	port_notify_t notify;
	port_event_t event;
	timer_t timer;
	uint_t count = 1;
	int error = -1;

	memset(&file, 0, sizeof(file));
	file.fo_name = file_name;
	CHECK_ERRNO(port_associate(number, PORT_SOURCE_FD, 0, POLLIN, NULL), expected);
	CHECK_ERRNO(port_associate(number, PORT_SOURCE_FD, (uintptr_t)-1, POLLIN, NULL), expected);
	CHECK_ERRNO(port_associate(number, PORT_SOURCE_FILE, (uintptr_t)&file, FILE_MODIFIED, NULL), expected);
	CHECK_ERRNO(port_associate(number, PORT_SOURCE_FILE, 0, -1, NULL), expected);
	CHECK_ERRNO(port_associate(number, 99, 0, 0, NULL), expected);
	CHECK_ERRNO(port_dissociate(number, PORT_SOURCE_FD, 0), expected);
	CHECK_ERRNO(port_dissociate(number, PORT_SOURCE_FILE, 0), expected);
	CHECK_ERRNO(port_dissociate(number, -1, 0), expected);
	CHECK_ERRNO(port_send(number, 1, NULL), expected);
	CHECK(port_sendn(&number, &error, 1, 1, NULL) == 0 && error == expected);
	CHECK_ERRNO(port_get(number, &event, &now), expected);
	CHECK_ERRNO(port_get(number, NULL, &wrong), expected);
	CHECK_ERRNO(port_getn(number, &event, 1, &count, &now), expected);
	CHECK_ERRNO(port_getn(number, NULL, 1, &count, &wrong), expected);
	CHECK_ERRNO(port_getn(number, NULL, 0, &count, NULL), expected);
	CHECK_ERRNO(port_alert(number, PORT_ALERT_SET, 1, NULL), expected);
	CHECK_ERRNO(port_alert(number, PORT_ALERT_INVALID, 1, NULL), expected);
	CHECK_ERRNO(port_alert(number, 0, 0, NULL), expected);
	CHECK(count == 1);

	notify.portnfy_port = number;
	notify.portnfy_user = NULL;
	memset(&notification, 0, sizeof(notification));
	notification.sigev_notify = SIGEV_PORT;
	notification.sigev_value.sival_ptr = &notify;
	CHECK_ERRNO(timer_create(CLOCK_REALTIME, &notification, &timer), expected);
#ifdef __linux__
	CHECK_ERRNO(port_linux_trust(number, 0), expected);
	CHECK_ERRNO(port_linux_close(number), expected);
#endif
}

static void not_open(void)
{
	int closed = port_create(), used, i;
	port_event_t event;
	static const int numbers[] = {-1, INT_MIN, INT_MAX, 100000000, 16777216, 16777215, 70000, 1000};

	for (i = 0; i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++)
		refused(numbers[i], EBADF);
	CHECK(closed >= 0 && close(closed) == 0);
	refused(closed, EBADF);
	/* One that was in use. */
	used = port_create();
	CHECK(used >= 0);
	CHECK(port_send(used, 1, NULL) == 0 && port_send(used, 1, NULL) == 0);
	CHECK(port_get(used, &event, NULL) == 0);
	CHECK(close(used) == 0);
	refused(used, EBADF);
}

/* Something else, also under the number that a port had. It stays as it was. */
static void something_else(int number)
{
	int flags = fcntl(number, F_GETFD), status = fcntl(number, F_GETFL), port, high;
	struct stat before, after;

	CHECK(fstat(number, &before) == 0);
	refused(number, EBADFD);
	/* The highest number that a port has had. */
	port = port_create();
	CHECK(port >= 0);
	high = fcntl(port, F_DUPFD, 600);
	CHECK(high >= 600);
	CHECK(port_send(port, 1, NULL) == 0 && port_send(high, 1, NULL) == 0);
	CHECK(dup2(number, high) == high);
	refused(high, EBADFD);
	CHECK(dup2(number, port) == port);
	refused(port, EBADFD);
	refused(high, EBADFD);
	CHECK(close(port) == 0 && close(high) == 0);

	CHECK(fstat(number, &after) == 0);
	CHECK(before.st_ino == after.st_ino && before.st_dev == after.st_dev);
	CHECK(fcntl(number, F_GETFD) == flags && fcntl(number, F_GETFL) == status);
	CHECK(close(number) == 0);
}

static void foreign(void)
{
	int ends[2];
	char byte = 'x';

	something_else(open("/", O_RDONLY));
	something_else(open("/dev/null", O_RDWR));
	something_else(open("a file", O_RDWR | O_CREAT, 0600));
	CHECK(unlink("a file") == 0);
	CHECK(pipe(ends) == 0);
	CHECK(write(ends[1], &byte, 1) == 1);
	something_else(ends[1]);
	/* What was in it is still there, and it is all. */
	CHECK(read(ends[0], &byte, 1) == 1 && read(ends[0], &byte, 1) == 0);
	something_else(ends[0]);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	something_else(ends[0]);
	something_else(ends[1]);
#ifdef __linux__
	/* What a port is made of is no port. */
	something_else(eventfd(1, 0));
	something_else(epoll_create1(0));
	{
		struct epoll_event registration = {EPOLLIN, {0}}, found;
		int epoll = epoll_create1(0);

		CHECK(pipe(ends) == 0);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &registration) == 0);
		refused(epoll, EBADFD);
		CHECK(write(ends[1], &byte, 1) == 1);
		CHECK(epoll_wait(epoll, &found, 1, 0) == 1 && found.events == EPOLLIN);
		something_else(epoll);
		CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	}
#endif
}

/* Objects that are nothing, on a port that is one. */
static void objects(void)
{
	static const uintptr_t nothing[] = {
		(uintptr_t)-1, (uintptr_t)INT_MAX, (uintptr_t)INT_MAX + 1, (uintptr_t)1 << 32, ((uintptr_t)1 << 32) + 1, 999};
	struct timespec now = {0, 0};
	port_event_t event;
	uint_t count = 1;
	int port = port_create(), i, ends[2];

	CHECK(port >= 0);
	CHECK(pipe(ends) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == 0);
	for (i = 0; i < (int)(sizeof(nothing) / sizeof(nothing[0])); i++) {
		CHECK_ERRNO(port_associate(port, PORT_SOURCE_FD, nothing[i], POLLIN, NULL), EBADFD);
		CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FD, nothing[i]), EBADFD);
		CHECK(port_dissociate(port, PORT_SOURCE_FILE, nothing[i]) == -1);
	}
	for (i = -2; i < 40; i++) {
		if (i == PORT_SOURCE_FD || i == PORT_SOURCE_FILE)
			continue;
		CHECK_ERRNO(port_associate(port, i, (uintptr_t)ends[0], POLLIN, NULL), EINVAL);
		CHECK_ERRNO(port_dissociate(port, i, (uintptr_t)ends[0]), EINVAL);
	}
	/* Bits that poll does not have. */
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], ~0 & ~POLLIN & 0x7fff0000, NULL) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(port_getn(port, &event, 1, &count, &now) == 0 && count == 0);
	CHECK(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)ends[0]) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(port) == 0);
}

int main(void)
{
	not_open();
	foreign();
	objects();
	return 0;
}
