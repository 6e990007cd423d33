/*
 * port_create(3C): its table of sources on one port, and the end of a port.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <aio.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static char file_name[] = "file";

/* What binds timers, requests and queues to a port. */
static void bind_to(int port, void *cookie, port_notify_t *notify, struct sigevent *notification)
{
	notify->portnfy_port = port;
	notify->portnfy_user = cookie;
	memset(notification, 0, sizeof(*notification));
	notification->sigev_notify = SIGEV_PORT;
	notification->sigev_value.sival_ptr = notify;
}

int main(void)
{
	static int cookies[7];
	static const char text[] = "text";
	int port = port_create(), next, ends[2], fd, seen = 0;
	struct timespec timeout = {30, 0};
	struct file_obj file;
	struct rlimit limit;
	struct sigevent notification;
	struct itimerspec soon;
	port_notify_t notify;
	port_event_t event;
	timer_t timer;
	struct aiocb request;
	struct mq_attr attributes;
	char queue_name[64];
	mqd_t queue;
	uint_t count;

	CHECK(port >= 0);

	/* PORT_SOURCE_FD: port_associate */
	CHECK(pipe(ends) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, &cookies[0]) == 0);
	CHECK(write(ends[1], "x", 1) == 1);

	/* PORT_SOURCE_TIMER: timer_create */
	bind_to(port, &cookies[1], &notify, &notification);
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

	/* PORT_SOURCE_AIO: aio_write */
	memset(&request, 0, sizeof(request));
	request.aio_fildes = fd;
	request.aio_buf = (void *)(uintptr_t)text;
	request.aio_nbytes = 4;
	bind_to(port, &cookies[5], &notify, &request.aio_sigevent);
	CHECK(aio_write(&request) == 0);

	/* PORT_SOURCE_MQ: mq_notify */
	sprintf(queue_name, "/event-ports-%ld", (long)getpid());
	memset(&attributes, 0, sizeof(attributes));
	attributes.mq_maxmsg = 1;
	attributes.mq_msgsize = 8;
	queue = mq_open(queue_name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	CHECK(queue != (mqd_t)-1);
	CHECK(mq_unlink(queue_name) == 0);
	bind_to(port, &cookies[6], &notify, &notification);
	CHECK(mq_notify(queue, &notification) == 0);
	CHECK(mq_send(queue, text, 4, 0) == 0);

	while (seen != (1 << PORT_SOURCE_FD | 1 << PORT_SOURCE_TIMER | 1 << PORT_SOURCE_USER | 1 << PORT_SOURCE_FILE |
				   1 << PORT_SOURCE_AIO | 1 << PORT_SOURCE_MQ)) {
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
		case PORT_SOURCE_AIO:
			CHECK(event.portev_user == &cookies[5] && event.portev_object == (uintptr_t)&request);
			CHECK(aio_error(&request) == 0 && aio_return(&request) == 4);
			break;
		case PORT_SOURCE_MQ:
			CHECK(event.portev_user == &cookies[6] && event.portev_object == (uintptr_t)queue);
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
	CHECK(timer_delete(timer) == 0 && mq_close(queue) == 0);
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
