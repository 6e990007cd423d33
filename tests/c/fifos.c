/*
 * Prints what is written to FIFOs, from several at once:
 *
 *     fifos NAME...
 *
 * makes the FIFOs, prints each line with the name it came by, and ends when
 * the writers of all have closed them. Try, in the same directory:
 *
 *     fifos a b &
 *     echo hello > a; echo there > b
 *
 * The steps are those of every program with event ports: make a port, associate
 * objects with it, wait, look at what came, and associate again, since an event
 * ends the association.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "fifos: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The cookie of an association is the name of its FIFO. */
static void watch(int port, int fifo, char *name)
{
	if (port_associate(port, PORT_SOURCE_FD, (uintptr_t)fifo, POLLIN, name) == -1)
		fail("port_associate");
}

/* Prints all there is, the name before each line. */
static void print(const char *name, int fifo)
{
	char text[512];
	ssize_t length, i;
	int starts = 1;

	while ((length = read(fifo, text, sizeof(text))) > 0) {
		for (i = 0; i < length; i++) {
			if (starts)
				printf("%s: ", name);
			putchar(text[i]);
			starts = text[i] == '\n';
		}
	}
	if (length == -1 && errno != EAGAIN)
		fail(name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int port, left, i;

	if (argc < 2) {
		fprintf(stderr, "usage: fifos NAME...\n");
		return 2;
	}

	port = port_create();
	if (port == -1)
		fail("port_create");

	for (i = 1; i < argc; i++) {
		int fifo;

		if (mkfifo(argv[i], S_IRUSR | S_IWUSR) == -1)
			fail(argv[i]);
		fifo = open(argv[i], O_RDONLY | O_NONBLOCK);
		if (fifo == -1)
			fail(argv[i]);
		watch(port, fifo, argv[i]);
	}

	for (left = argc - 1; left > 0;) {
		port_event_t event;
		int fifo;
		char *name;

		if (port_get(port, &event, NULL) == -1)
			fail("port_get");
		fifo = (int)event.portev_object;
		name = (char *)event.portev_user;

		if (event.portev_events & POLLIN)
			print(name, fifo);
		if (event.portev_events & POLLHUP) {
			/* Closing it would end an association, too. */
			close(fifo);
			unlink(name);
			left--;
		} else {
			watch(port, fifo, name);
		}
	}
	close(port);
	return 0;
}
