/*
 * Copies a file by asynchronous requests whose completions come by a port, some
 * at a time, then by a list; and is told by the same port of a message.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
#include <sys/types.h>
#include <sys/stat.h>
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <port.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 16
#define IN_FLIGHT 4
#define SIZE 1024

typedef struct block {
	char data[SIZE];
	int writing;
	aiocb_t *cb;
} block_t;

static int port, in, out;
static block_t blocks[IN_FLIGHT];
static aiocb_t requests[IN_FLIGHT];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_block(block_t *block, off_t number)
{
	port_notify_t pn;

	pn.portnfy_port = port;
	pn.portnfy_user = block;
	block->cb->aio_fildes = in;
	block->cb->aio_buf = block->data;
	block->cb->aio_nbytes = SIZE;
	block->cb->aio_offset = number * SIZE;
	block->cb->aio_sigevent.sigev_notify = SIGEV_PORT;
	block->cb->aio_sigevent.sigev_value.sival_ptr = &pn;
	block->writing = 0;
	if (aio_read(block->cb) == -1)
		die("aio_read");
}

static void write_block(block_t *block)
{
	port_notify_t pn;

	pn.portnfy_port = port;
	pn.portnfy_user = block;
	block->cb->aio_fildes = out;
	block->cb->aio_sigevent.sigev_value.sival_ptr = &pn;
	block->writing = 1;
	if (aio_write(block->cb) == -1)
		die("aio_write");
}

static void copy(void)
{
	port_event_t list[IN_FLIGHT];
	int next, written = 0;
	uint_t nget, i;

	for (next = 0; next < IN_FLIGHT; next++) {
		blocks[next].cb = &requests[next];
		read_block(&blocks[next], next);
	}
	while (written < BLOCKS) {
		nget = 1;
		if (port_getn(port, list, IN_FLIGHT, &nget, NULL) == -1)
			die("port_getn");
		for (i = 0; i < nget; i++) {
			block_t *block = (block_t *)list[i].portev_user;
			aiocb_t *cb = (aiocb_t *)list[i].portev_object;

			if (list[i].portev_source != PORT_SOURCE_AIO || cb != block->cb)
				die("event");
			if (aio_error(cb) != 0 || aio_return(cb) != SIZE)
				die("transfer");
			if (!block->writing) {
				write_block(block);
			} else if (++written + IN_FLIGHT <= BLOCKS) {
				read_block(block, next++);
			}
		}
	}
}

/* Both ends of the copy at once, and one event when both are there. */
static void compare(void)
{
	static char data[2][SIZE];
	aiocb_t cbs[2], *list[2];
	struct sigevent done;
	port_notify_t pn;
	port_event_t pe;
	int i;

	memset(cbs, 0, sizeof(cbs));
	for (i = 0; i < 2; i++) {
		cbs[i].aio_fildes = i ? out : in;
		cbs[i].aio_buf = data[i];
		cbs[i].aio_nbytes = SIZE;
		cbs[i].aio_offset = (BLOCKS - 1) * SIZE;
		cbs[i].aio_lio_opcode = LIO_READ;
		cbs[i].aio_sigevent.sigev_notify = SIGEV_NONE;
		list[i] = &cbs[i];
	}
	memset(&done, 0, sizeof(done));
	pn.portnfy_port = port;
	pn.portnfy_user = list;
	done.sigev_notify = SIGEV_PORT;
	done.sigev_value.sival_ptr = &pn;
	if (lio_listio(LIO_NOWAIT, list, 2, &done) == -1)
		die("lio_listio");
	if (port_get(port, &pe, NULL) == -1)
		die("port_get");
	if (pe.portev_source != PORT_SOURCE_AIO || pe.portev_user != list || pe.portev_object != (uintptr_t)&done)
		die("event of the list");
	for (i = 0; i < 2; i++)
		if (aio_error(&cbs[i]) != 0 || aio_return(&cbs[i]) != SIZE)
			die("list");
	if (memcmp(data[0], data[1], SIZE) != 0 || data[0][0] != (char)(BLOCKS - 1))
		die("memcmp");
}

static void message(void)
{
	struct sigevent sigev;
	struct mq_attr attr;
	port_notify_t pn;
	port_event_t pe;
	char name[32], text[16];
	mqd_t mq;

	(void)sprintf(name, "/copy.%ld", (long)getpid());
	memset(&attr, 0, sizeof(attr));
	attr.mq_maxmsg = 2;
	attr.mq_msgsize = sizeof(text);
	if ((mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, S_IRUSR | S_IWUSR, &attr)) == (mqd_t)-1)
		die("mq_open");
	(void)mq_unlink(name);
	pn.portnfy_port = port;
	pn.portnfy_user = text;
	memset(&sigev, 0, sizeof(sigev));
	sigev.sigev_notify = SIGEV_PORT;
	sigev.sigev_value.sival_ptr = &pn;
	if (mq_notify(mq, &sigev) == -1)
		die("mq_notify");
	if (mq_send(mq, "copied", 7, 0) == -1)
		die("mq_send");
	if (port_get(port, &pe, NULL) == -1)
		die("port_get");
	if (pe.portev_source != PORT_SOURCE_MQ || pe.portev_user != text || pe.portev_object != (uintptr_t)mq)
		die("event of the queue");
	if (mq_receive(mq, text, sizeof(text), NULL) != 7 || strcmp(text, "copied") != 0)
		die("mq_receive");
	if (mq_close(mq) == -1)
		die("mq_close");
}

int main(void)
{
	char data[SIZE];
	int i;

	if ((port = port_create()) == -1)
		die("port_create");
	in = open("from", O_RDWR | O_CREAT | O_TRUNC, 0600);
	out = open("to", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (in == -1 || out == -1)
		die("open");
	for (i = 0; i < BLOCKS; i++) {
		memset(data, i, sizeof(data));
		if (write(in, data, sizeof(data)) != (ssize_t)sizeof(data))
			die("write");
	}
	copy();
	compare();
	message();
	(void)unlink("from");
	(void)unlink("to");
	(void)close(in);
	(void)close(out);
	(void)close(port);
	return 0;
}
