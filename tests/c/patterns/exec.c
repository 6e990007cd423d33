/*
 * exec: a new program starts with the descriptors it is meant to have. What a
 * port is made of inside is not among them, whatever sources it has had.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <aio.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HIGHEST = 4096 };

/* Whether the one descriptor beyond the first three is the given one; there is none if that is -1. */
static int only(const char *expected)
{
	int number = atoi(expected), fd, found = 0;

	for (fd = STDERR_FILENO + 1; fd < HIGHEST; fd++) {
		if (fcntl(fd, F_GETFD) != -1) {
			if (fd != number)
				return 1;
			found = 1;
		}
	}
	return found == (number >= 0) ? 0 : 1;
}

static void notify_by(port_notify_t *notify, int port, struct sigevent *notification)
{
	notify->portnfy_port = port;
	notify->portnfy_user = NULL;
	memset(notification, 0, sizeof(*notification));
	notification->sigev_notify = SIGEV_PORT;
	notification->sigev_value.sival_ptr = notify;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int all_used;

/* Uses every source there is, and waits. */
static void *use(void *argument)
{
	int port = *(int *)argument;
	static char file_name[] = "/", text[1];
	static struct file_obj object;
	static struct aiocb request;
	struct sigevent notification;
	struct itimerspec later;
	port_notify_t notify;
	port_event_t event;
	timer_t timer;
	int ends[2], i;

	CHECK(pipe(ends) == 0);
	for (i = 0; i < 2; i++)
		CHECK(fcntl(ends[i], F_SETFD, FD_CLOEXEC) == 0);
	CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == 0);
	object.fo_name = file_name;
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_ATTRIB, NULL) == 0);
	notify_by(&notify, port, &notification);
	CHECK(timer_create(CLOCK_REALTIME, &notification, &timer) == 0);
	memset(&later, 0, sizeof(later));
	later.it_value.tv_sec = 3600;
	CHECK(timer_settime(timer, 0, &later, NULL) == 0);
	/* It waits for what does not come. */
	request.aio_fildes = ends[0];
	request.aio_buf = text;
	request.aio_nbytes = 1;
	notify_by(&notify, port, &request.aio_sigevent);
	CHECK(aio_read(&request) == 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	all_used = 1;
	CHECK(pthread_cond_signal(&changed) == 0);
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	/* Until there is no such thread any more. */
	port_get(port, &event, NULL);
	CHECK(0);
	return NULL;
}

static void execute(char *program, int keep)
{
	char expected[16], *arguments[3];
	pid_t child = fork();
	int status;

	CHECK(child != -1);
	if (child == 0) {
		pthread_t thread;
		int port = port_create();

		CHECK(port >= 0);
		if (!keep)
			CHECK(fcntl(port, F_SETFD, FD_CLOEXEC) == 0);
		CHECK(pthread_create(&thread, NULL, use, &port) == 0);
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (!all_used)
			CHECK(pthread_cond_wait(&changed, &mutex) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		sprintf(expected, "%d", keep ? port : -1);
		arguments[0] = program;
		arguments[1] = expected;
		arguments[2] = NULL;
		execv(program, arguments);
		CHECK(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc > 1)
		return only(argv[1]);
	/* Those that this program was given are not what it is about. */
	for (fd = STDERR_FILENO + 1; fd < HIGHEST; fd++)
		close(fd);
	execute(argv[0], 0);
	/* A port is not close-on-exec by itself (CREATE-2). */
	execute(argv[0], 1);
	return 0;
}
