/*
 * Reads the beginning of a file through a port:
 *
 *     aio_read FILE [BYTES]
 *
 * The second example of the manual page, port_associate(3C), as a whole
 * program: the control block of an asynchronous read names a port and a cookie,
 * and the port tells when the read is done.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
/* On Linux, aio_read is to know ports as well, as on illumos it does. */
#ifndef PORT_LINUX_STANDARD_NAMES
#define PORT_LINUX_STANDARD_NAMES 1
#endif

#include <port.h>

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "aio_read: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int usage(void)
{
	fprintf(stderr, "usage: aio_read FILE [BYTES]\n");
	return 2;
}

int main(int argc, char **argv)
{
	long bytes = 512;
	char *end, *buffer;
	aiocb_t block, *done;
	port_notify_t notify;
	port_event_t event;
	ssize_t length;
	int port;

	if (argc < 2 || argc > 3)
		return usage();
	if (argc == 3) {
		errno = 0;
		bytes = strtol(argv[2], &end, 10);
		if (errno != 0 || end == argv[2] || *end != '\0' || bytes < 0)
			return usage();
	}

	port = port_create();
	if (port == -1)
		fail("port_create");
	buffer = (char *)malloc(bytes > 0 ? (size_t)bytes : 1);
	if (buffer == NULL)
		fail("malloc");

	/* Who is to be told: read during the call only. */
	notify.portnfy_port = port;
	notify.portnfy_user = argv[1];
	/* What is to be done: stays as it is until the event has come. */
	memset(&block, 0, sizeof(block));
	block.aio_fildes = open(argv[1], O_RDONLY);
	if (block.aio_fildes == -1)
		fail(argv[1]);
	block.aio_buf = buffer;
	block.aio_nbytes = (size_t)bytes;
	block.aio_offset = 0;
	block.aio_sigevent.sigev_notify = SIGEV_PORT;
	block.aio_sigevent.sigev_value.sival_ptr = &notify;
	if (aio_read(&block) == -1)
		fail(argv[1]);

	/* Here a program would do something else. */

	if (port_get(port, &event, NULL) == -1)
		fail("port_get");
	if (event.portev_source != PORT_SOURCE_AIO || event.portev_user != argv[1]) {
		fprintf(stderr, "aio_read: an event that nobody asked for\n");
		return 1;
	}
	done = (aiocb_t *)event.portev_object;
	errno = aio_error(done);
	length = aio_return(done);
	if (length == -1)
		fail(argv[1]);
	if (fwrite(buffer, 1, (size_t)length, stdout) != (size_t)length || fflush(stdout) == EOF)
		fail("standard output");

	close(done->aio_fildes);
	free(buffer);
	close(port);
	return 0;
}
