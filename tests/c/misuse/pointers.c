/*
 * Pointers that cannot be right: null, below the first page, above what a
 * program can have. Where a kernel says EFAULT the caller gets EFAULT, and the
 * port is none the worse for it.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static const uintptr_t bad[] = {0, 1, 4095, (uintptr_t)1 << 63, (uintptr_t)-1, (uintptr_t)-4096};
enum { BAD = sizeof(bad) / sizeof(bad[0]) };

static struct timespec now = {0, 0};
static int port;

static uint_t pending(void)
{
	uint_t count = 0;

	CHECK(port_getn(port, NULL, 0, &count, NULL) == 0);
	return count;
}

static void lists(void *pointer)
{
	port_event_t *list = (port_event_t *)pointer, event;
	uint_t count = 1;

	CHECK_ERRNO(port_get(port, list, &now), EFAULT);
	CHECK_ERRNO(port_getn(port, list, 1, &count, &now), EFAULT);
	CHECK(count == 1);
	/* Also when there would be something to store. It may be lost, as in a kernel. */
	CHECK(port_send(port, 1, NULL) == 0);
	CHECK_ERRNO(port_getn(port, list, 1, &count, &now), EFAULT);
	CHECK(count == 1 && pending() <= 1);
	CHECK_ERRNO(port_get(port, list, &now), pending() ? EFAULT : errno);
	/* A maximum of 0 stores none, a minimum of 0 neither. */
	CHECK(port_getn(port, list, 0, &count, &now) == 0);
	count = 0;
	CHECK_ERRNO(port_getn(port, list, 1, &count, &now), EFAULT);
	while (pending() > 0)
		CHECK(port_get(port, &event, &now) == 0);
	/* What comes first is checked first. */
	CHECK_ERRNO(port_get(-1, list, &now), EBADF);
	CHECK_ERRNO(port_get(STDIN_FILENO, list, &now), EBADFD);
}

static void counts_and_timeouts(void *pointer)
{
	port_event_t event;
	uint_t count = 1;

	CHECK_ERRNO(port_getn(port, &event, 1, NULL, &now), EINVAL);
	if (pointer != NULL) {
		CHECK_ERRNO(port_getn(port, &event, 1, &count, (struct timespec *)pointer), EFAULT);
		/* It is not looked at where there is no need to wait. */
		CHECK(port_send(port, 1, NULL) == 0);
		CHECK(port_getn(port, &event, 1, &count, (struct timespec *)pointer) == 0 && count == 1);
	}
}

static void arrays(void *pointer)
{
	int ports[2], errors[2];
	port_event_t event;

	ports[0] = port;
	ports[1] = -1;
	CHECK_ERRNO(port_sendn((int *)pointer, errors, 2, 1, NULL), EFAULT);
	CHECK(pending() == 0);
	/* Results are stored only if something has failed. The events have been sent by then. */
	CHECK(port_sendn(ports, (int *)pointer, 1, 1, NULL) == 1);
	CHECK_ERRNO(port_sendn(ports, (int *)pointer, 2, 1, NULL), EFAULT);
	CHECK(pending() == 2);
	CHECK(port_get(port, &event, NULL) == 0 && port_get(port, &event, NULL) == 0);
}

static void files(void *pointer)
{
	struct file_obj object;

	CHECK_ERRNO(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)pointer, FILE_MODIFIED, NULL), EFAULT);
	memset(&object, 0, sizeof(object));
	object.fo_name = (char *)pointer;
	CHECK_ERRNO(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, NULL), EFAULT);
	/* Where nothing is read from it, it is a name like any other. */
	CHECK(port_dissociate(port, PORT_SOURCE_FILE, (uintptr_t)pointer) == -1);
	CHECK(errno == ENOENT || errno == EINVAL);
}

static void timers(void *pointer)
{
	struct sigevent notification;
	port_notify_t notify;
	timer_t timer;

	memset(&notification, 0, sizeof(notification));
	notification.sigev_notify = SIGEV_PORT;
	notification.sigev_value.sival_ptr = pointer;
	CHECK_ERRNO(timer_create(CLOCK_REALTIME, &notification, &timer), EFAULT);
	notify.portnfy_port = port;
	notify.portnfy_user = pointer;
	notification.sigev_value.sival_ptr = &notify;
	CHECK_ERRNO(timer_create(CLOCK_REALTIME, &notification, (timer_t *)pointer), EFAULT);
	CHECK(timer_create(CLOCK_REALTIME, &notification, &timer) == 0);
	CHECK(timer_gettime(timer, (struct itimerspec *)pointer) == -1);
	CHECK(timer_settime(timer, 0, (struct itimerspec *)pointer, NULL) == -1);
	CHECK(timer_delete(timer) == 0);
}

/* Cookies are none of the library's business. */
static void cookies(void *pointer)
{
	port_event_t event;

	CHECK(port_send(port, 1, pointer) == 0);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_user == pointer);
	CHECK(port_alert(port, PORT_ALERT_SET, 1, pointer) == 0);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_user == pointer);
	CHECK(port_alert(port, PORT_ALERT_SET, 0, NULL) == 0);
}

int main(void)
{
	int i;

	port = port_create();
	CHECK(port >= 0);
	for (i = 0; i < BAD; i++) {
		void *pointer = (void *)bad[i];

		lists(pointer);
		counts_and_timeouts(pointer);
		arrays(pointer);
		files(pointer);
		timers(pointer);
		cookies(pointer);
	}
	CHECK(pending() == 0);
	CHECK(close(port) == 0);
	return 0;
}
