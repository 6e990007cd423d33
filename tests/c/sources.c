/*
 * A pipe, a file, a timer and an event of its own: four things by one queue.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

int main(void)
{
	char name[] = "watched", text[16];
	int port, ends[2], file, left;
	struct file_obj object;
	struct stat status;
	struct sigevent tell;
	struct itimerspec in_a_moment;
	port_notify_t whom;
	port_event_t event;
	timer_t timer;

	check((port = port_create()) == -1, "port_create");

	/* A descriptor: "tell me once when there is something to read". */
	check(pipe(ends) == -1, "pipe");
	check(port_associate(port, PORT_SOURCE_FD, (uintptr_t)ends[0], POLLIN, NULL) == -1, "pipe");

	/* A file: "tell me once when it is not any more what I have seen". */
	check((file = open(name, O_RDWR | O_CREAT, 0600)) == -1, name);
	check(fstat(file, &status) == -1, name);
	memset(&object, 0, sizeof(object));
	object.fo_name = name;
	object.fo_atime = status.st_atim;
	object.fo_mtime = status.st_mtim;
	object.fo_ctime = status.st_ctim;
	check(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, name) == -1, name);

	/* A timer: "tell me when a millisecond has gone by". */
	whom.portnfy_port = port;
	whom.portnfy_user = NULL;
	memset(&tell, 0, sizeof(tell));
	tell.sigev_notify = SIGEV_PORT;
	tell.sigev_value.sival_ptr = &whom;
	check(timer_create(CLOCK_REALTIME, &tell, &timer) == -1, "timer_create");
	memset(&in_a_moment, 0, sizeof(in_a_moment));
	in_a_moment.it_value.tv_nsec = 1000000;
	check(timer_settime(timer, 0, &in_a_moment, NULL) == -1, "timer_settime");

	/* Now all four happen. */
	check(port_send(port, 42, NULL) == -1, "port_send");
	check(write(ends[1], "hello", 5) != 5, "write");
	check(write(file, "news", 4) != 4, "write");
	for (left = 4; left > 0; left--) {
		check(port_get(port, &event, NULL) == -1, "port_get");
		switch (event.portev_source) {
		case PORT_SOURCE_FD:
			printf("pipe: %d bytes\n", (int)read((int)event.portev_object, text, sizeof(text)));
			break;
		case PORT_SOURCE_FILE:
			printf("file: %s was modified\n", (char *)event.portev_user);
			break;
		case PORT_SOURCE_TIMER:
			printf("timer: %d expiration\n", event.portev_events);
			break;
		case PORT_SOURCE_USER:
			printf("own event: %d\n", event.portev_events);
			break;
		}
	}
	unlink(name);
	return 0;
}
