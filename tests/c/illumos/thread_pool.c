/*
 * A server whose threads share one port: each takes an event, serves that
 * connection, and associates it again. Ends by an alert, which they all see.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
#include <sys/types.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define CLIENTS 8
#define MESSAGES 50

typedef struct conn {
	int c_fd;
	int c_requests;
} conn_t;

static int port;
static pthread_mutex_t closed_lock = PTHREAD_MUTEX_INITIALIZER;
static int closed, requests;

static void die(const char *what)
{
	perror(what);
	abort();
}

static void arm(conn_t *conn)
{
	if (port_associate(port, PORT_SOURCE_FD, (uintptr_t)conn->c_fd, POLLIN | POLLRDNORM, conn) == -1)
		die("port_associate");
}

/* Answers what there is; the connection is freed when the client has gone. */
static void serve(conn_t *conn)
{
	char buf[16];
	ssize_t n;

	while ((n = read(conn->c_fd, buf, sizeof(buf))) > 0) {
		conn->c_requests += (int)n;
		if (write(conn->c_fd, buf, (size_t)n) != n)
			die("write");
	}
	if (n == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			die("read");
		arm(conn);
		return;
	}
	(void)close(conn->c_fd);
	(void)pthread_mutex_lock(&closed_lock);
	requests += conn->c_requests;
	/* The last one to go sends everybody home. */
	if (++closed == CLIENTS && port_alert(port, PORT_ALERT_SET, 1, NULL) == -1)
		die("port_alert");
	(void)pthread_mutex_unlock(&closed_lock);
	free(conn);
}

static void *worker(void *arg)
{
	timespec_t timeout;
	port_event_t pe;

	for (;;) {
		timeout.tv_sec = 60;
		timeout.tv_nsec = 0;
		if (port_get(port, &pe, &timeout) == -1) {
			if (errno == EINTR)
				continue;
			die(errno == ETIME ? "a minute without news" : "port_get");
		}
		switch (pe.portev_source) {
		case PORT_SOURCE_FD:
			if (((conn_t *)pe.portev_user)->c_fd != (int)pe.portev_object)
				die("portev_object");
			serve((conn_t *)pe.portev_user);
			break;
		case PORT_SOURCE_ALERT:
			return arg;
		default:
			die("portev_source");
		}
	}
}

static void *client(void *arg)
{
	int fd = *(int *)arg, i;
	char sent, answer;

	for (i = 0; i < MESSAGES; i++) {
		sent = (char)('a' + i % 26);
		if (write(fd, &sent, 1) != 1 || read(fd, &answer, 1) != 1 || answer != sent)
			die("client");
	}
	(void)close(fd);
	return NULL;
}

int main(void)
{
	pthread_t workers[THREADS], clients[CLIENTS];
	int fds[CLIENTS], pair[2], i;
	void *value;

	(void)signal(SIGPIPE, SIG_IGN);
	if ((port = port_create()) == -1)
		die("port_create");
	(void)fcntl(port, F_SETFD, FD_CLOEXEC);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&workers[i], NULL, worker, &port) != 0)
			die("pthread_create");
	for (i = 0; i < CLIENTS; i++) {
		conn_t *conn = (conn_t *)calloc(1, sizeof(*conn));

		if (conn == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
			die("socketpair");
		(void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
		conn->c_fd = pair[0];
		fds[i] = pair[1];
		arm(conn);
		if (pthread_create(&clients[i], NULL, client, &fds[i]) != 0)
			die("pthread_create");
	}
	for (i = 0; i < CLIENTS; i++)
		if (pthread_join(clients[i], NULL) != 0)
			die("pthread_join");
	for (i = 0; i < THREADS; i++)
		if (pthread_join(workers[i], &value) != 0 || value != &port)
			die("pthread_join");
	if (requests != CLIENTS * MESSAGES)
		die("requests");
	(void)close(port);
	return 0;
}
