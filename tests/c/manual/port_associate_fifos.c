/*
 * port_associate(3C), example 1: data from a number of FIFOs, as it comes.
 * After each event the FIFO is associated again as long as it is of interest,
 * and left alone, or dissociated, after that.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIFOS = 5, MESSAGES = 20 };

static const char *const names[FIFOS] = {"fifo.0", "fifo.1", "fifo.2", "fifo.3", "fifo.4"};

/* Another process writes the messages, and waits for none of them to be read. */
static pid_t start_writer(void)
{
	pid_t child = fork();
	int fds[FIFOS], i;

	CHECK(child != -1);
	if (child != 0)
		return child;
	for (i = 0; i < FIFOS; i++) {
		fds[i] = open(names[i], O_WRONLY);
		CHECK(fds[i] != -1);
	}
	for (i = 0; i < FIFOS * MESSAGES; i++) {
		char message[2];

		message[0] = (char)(i % FIFOS);
		message[1] = (char)(i / FIFOS);
		CHECK(write(fds[i % FIFOS], message, 2) == 2);
	}
	_exit(0);
}

int main(void)
{
	int port, index, left, status;
	int fds[FIFOS], received[FIFOS];
	struct timespec timeout = {30, 0};
	pid_t writer;

	port = port_create();
	CHECK(port >= 0);
	for (index = 0; index < FIFOS; index++) {
		CHECK(mkfifo(names[index], S_IRWXU | S_IRWXG | S_IRWXO) == 0);
		/* Open for writing as well, as on the page: so it never reports that nobody writes. */
		fds[index] = open(names[index], O_RDWR);
		CHECK(fds[index] != -1);
		received[index] = 0;
		CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)fds[index], POLLIN, &received[index]) == 0);
	}

	writer = start_writer();
	for (left = FIFOS * MESSAGES; left > 0; left--) {
		port_event_t pev;
		char message[2];
		int fd;

		CHECK(port_get(port, &pev, &timeout) == 0);
		CHECK(pev.portev_source == PORT_SOURCE_FD && pev.portev_events == POLLIN);
		fd = (int)pev.portev_object;
		index = (int)((int *)pev.portev_user - received);
		CHECK(index >= 0 && index < FIFOS && fds[index] == fd);
		CHECK(read(fd, message, 2) == 2);
		CHECK(message[0] == index && message[1] == received[index]);
		if (++received[index] < MESSAGES)
			CHECK(port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, POLLIN, pev.portev_user) == 0);
	}
	CHECK(waitpid(writer, &status, 0) == writer && status == 0);

	for (index = 0; index < FIFOS; index++) {
		CHECK(received[index] == MESSAGES);
		/* Without an event to come there is nothing to dissociate, and that is no fault. */
		if (index % 2 == 0)
			CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)fds[index]), ENOENT);
		CHECK(close(fds[index]) == 0);
		CHECK(unlink(names[index]) == 0);
	}
	CHECK(close(port) == 0);
	return 0;
}
