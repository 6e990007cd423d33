/*
 * port_associate(3C), example 2: asynchronous I/O whose completion is an event
 * of a port. The control block names the port; the event names the control
 * block.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <aio.h>
#include <fcntl.h>
#include <unistd.h>

enum { SIZE = 4096 };

static int my_value;
static char written[SIZE], bytes[SIZE];

/* Waits for the completion of one request, and returns what came of it. */
static ssize_t complete(int port, aiocb_t *request)
{
	struct timespec timeout = {30, 0};
	port_event_t pev;
	aiocb_t *aiocbp;

	CHECK(port_get(port, &pev, &timeout) == 0);
	CHECK(pev.portev_source == PORT_SOURCE_AIO);
	CHECK(pev.portev_user == &my_value);
	aiocbp = (aiocb_t *)pev.portev_object;
	CHECK(aiocbp == request);
	errno = aio_error(aiocbp);
	return aio_return(aiocbp);
}

int main(void)
{
	int port = port_create(), fd, i;
	port_notify_t pn;
	aiocb_t aiocb;

	CHECK(port >= 0);
	for (i = 0; i < SIZE; i++)
		written[i] = (char)(i * 7);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd != -1);

	pn.portnfy_port = port;
	pn.portnfy_user = &my_value;
	memset(&aiocb, 0, sizeof(aiocb));
	aiocb.aio_fildes = fd;
	aiocb.aio_nbytes = SIZE;
	aiocb.aio_buf = written;
	aiocb.aio_offset = 0;
	aiocb.aio_sigevent.sigev_notify = SIGEV_PORT;
	aiocb.aio_sigevent.sigev_value.sival_ptr = &pn;
	CHECK(aio_write(&aiocb) == 0);
	CHECK(complete(port, &aiocb) == SIZE && errno == 0);

	aiocb.aio_buf = bytes;
	CHECK(aio_read(&aiocb) == 0);
	/* It has been read by now. */
	memset(&pn, 0, sizeof(pn));
	CHECK(complete(port, &aiocb) == SIZE && errno == 0);
	CHECK(memcmp(written, bytes, SIZE) == 0);

	/* Beyond the end there is nothing, and that is a result. */
	pn.portnfy_port = port;
	pn.portnfy_user = &my_value;
	aiocb.aio_offset = SIZE;
	CHECK(aio_read(&aiocb) == 0);
	CHECK(complete(port, &aiocb) == 0 && errno == 0);

	CHECK(aio_fsync(O_SYNC, &aiocb) == 0);
	CHECK(complete(port, &aiocb) == 0 && errno == 0);

	CHECK(close(fd) == 0 && unlink("file") == 0);
	CHECK(close(port) == 0);
	return 0;
}
