/*
 * port_create(3C): its table of sources on one port, and the end of a port.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static char file_name[] = "file";

int main(void)
{
	static int cookies[5];
	int port = port_create(), next, ends[2], fd, seen = 0;
	struct timespec timeout = {30, 0};
	struct file_obj file;
	struct rlimit limit;
	struct sigevent notification;
	struct itimerspec soon;
	port_notify_t notify;
	port_event_t event;
	timer_t timer;
	uint_t count;

	CHECK(port >= 0);

	/* PORT_SOURCE_FD: port_associate */
	CHECK(pipe(ends) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, &cookies[0]) == 0);
	CHECK(write(ends[1], "x", 1) == 1);

	/* PORT_SOURCE_TIMER: timer_create */
	notify.portnfy_port = port;
	notify.portnfy_user = &cookies[1];
	memset(&notification, 0, sizeof(notification));
	notification.sigev_notify = SIGEV_PORT;
	notification.sigev_value.sival_ptr = &notify;
	CHECK(timer_create(CLOCK_REALTIME, &notification, &timer) == 0);
	memset(&soon, 0, sizeof(soon));
	soon.it_value.tv_nsec = 1000000;
	CHECK(timer_settime(timer, 0, &soon, NULL) == 0);

	/* PORT_SOURCE_USER: port_send */
	CHECK(port_send(port, 7, &cookies[2]) == 0);

	/* PORT_SOURCE_FILE: port_associate */
	fd = open(file_name, O_RDWR | O_CREAT, 0600);
	CHECK(fd != -1);
	memset(&file, 0, sizeof(file));
	file.fo_name = file_name;
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&file, FILE_MODIFIED, &cookies[3]) == 0);
	CHECK(write(fd, "x", 1) == 1);

	while (seen != (1 << PORT_SOURCE_FD | 1 << PORT_SOURCE_TIMER | 1 << PORT_SOURCE_USER | 1 << PORT_SOURCE_FILE)) {
		CHECK(port_get(port, &event, &timeout) == 0);
		CHECK((seen & 1 << event.portev_source) == 0);
		seen |= 1 << event.portev_source;
		switch (event.portev_source) {
		case PORT_SOURCE_FD:
			CHECK(event.portev_user == &cookies[0] && event.portev_events == POLLIN);
			CHECK(event.portev_object == (uintptr_t)ends[0]);
			break;
		case PORT_SOURCE_TIMER:
			CHECK(event.portev_user == &cookies[1] && event.portev_events == 1);
			CHECK(event.portev_object == (uintptr_t)timer);
			break;
		case PORT_SOURCE_USER:
			CHECK(event.portev_user == &cookies[2] && event.portev_events == 7);
			break;
		default:
			CHECK(event.portev_user == &cookies[3] && event.portev_events == FILE_MODIFIED);
			CHECK(event.portev_object == (uintptr_t)&file);
		}
	}

	/* PORT_SOURCE_ALERT: port_alert */
	CHECK(port_alert(port, PORT_ALERT_SET, 9, &cookies[4]) == 0);
	CHECK(port_get(port, &event, &timeout) == 0);
	CHECK(event.portev_source == PORT_SOURCE_ALERT && event.portev_events == 9 && event.portev_user == &cookies[4]);

	/* Closing the descriptor is the end of the port. The number is free, and what takes it is empty. */
	CHECK(timer_delete(timer) == 0);
	CHECK(close(port) == 0);
	CHECK_ERRNO(port_get(port, &event, &timeout), EBADF);
	next = port_create();
	CHECK(next == port);
	CHECK(port_getn(next, NULL, 0, &count, NULL) == 0 && count == 0);
	CHECK(fcntl(next, F_GETFD) == 0);

	/* There is no descriptor left. */
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = (rlim_t)next + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK_ERRNO(port_create(), EMFILE);
	CHECK(port_send(next, 1, NULL) == 0);
	CHECK(port_get(next, &event, &timeout) == 0 && event.portev_events == 1);

	CHECK(close(next) == 0 && close(fd) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
	CHECK(unlink(file_name) == 0);
	return 0;
}
