/*
 * What event ports on Linux have beyond illumos's <port.h>.
 *
 * A program that runs on both systems needs none of this. Test for it with
 * #ifdef __linux__.
 *
 * SPDX-License-Identifier: MPL-2.0
 */
#ifndef EVENT_PORTS_PORT_LINUX_H
#define EVENT_PORTS_PORT_LINUX_H

#include <port.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Promises of port_linux_trust. Each saves a system call: the first in every
 * call on the port, the second in every event of a descriptor.
 */

/* This number of the port is closed through port_linux_close alone. */
#define PORT_TRUST_NUMBER 0x1
/* An associated descriptor that has duplicates is dissociated before it is closed. */
#define PORT_TRUST_DESCRIPTORS 0x2

/*
 * (port, flags): says which promises the program keeps, in place of those it
 * made before. Returns 0, or -1 with errno set.
 */
int port_linux_trust(int, int);

/*
 * (port): closes the port like close(2), but frees what it holds at once, and
 * wakes the threads that wait on it, with EBADF. Returns 0, or -1 with errno set.
 */
int port_linux_close(int);

/*
 * (max): sets how many events a port created from now on holds: what
 * process.max-port-events is to illumos. The default is 65536. Returns 0, or
 * -1 with EINVAL for a max of 0.
 */
int port_linux_set_max_events(unsigned int);

/*
 * What sends events by SIGEV_PORT. Linux's own functions do not know it. These
 * do, and pass everything else on to those. clockid_t is an int, timer_t a
 * pointer and mqd_t an int in the C libraries of Linux.
 *
 * Below, the standard names come to mean these functions, so that programs
 * written for illumos compile unchanged. A program that has other uses for the
 * names defines PORT_NO_STANDARD_NAMES before it includes <port.h>. All files
 * that have to do with one timer or request use the same names for that.
 */
struct aiocb;
struct itimerspec;
struct sigevent;
struct timespec;

int port_linux_timer_create(int, struct sigevent *, void **);
int port_linux_timer_settime(void *, int, const struct itimerspec *, struct itimerspec *);
int port_linux_timer_gettime(void *, struct itimerspec *);
int port_linux_timer_getoverrun(void *);
int port_linux_timer_delete(void *);

int port_linux_aio_read(struct aiocb *);
int port_linux_aio_write(struct aiocb *);
int port_linux_aio_fsync(int, struct aiocb *);
int port_linux_aio_error(const struct aiocb *);
ssize_t port_linux_aio_return(struct aiocb *);
int port_linux_aio_cancel(int, struct aiocb *);
int port_linux_aio_suspend(const struct aiocb *const *, int, const struct timespec *);
int port_linux_lio_listio(int, struct aiocb *const *, int, struct sigevent *);

int port_linux_mq_notify(int, const struct sigevent *);

#ifdef __cplusplus
}
#endif

#ifndef PORT_NO_STANDARD_NAMES
/* What declares the names must come before they change their meaning. */
#include <aio.h>
#include <mqueue.h>
#include <signal.h>
#include <time.h>

#ifndef CLOCK_HIGHRES
#define CLOCK_HIGHRES CLOCK_MONOTONIC
#endif
#define timer_create port_linux_timer_create
#define timer_settime port_linux_timer_settime
#define timer_gettime port_linux_timer_gettime
#define timer_getoverrun port_linux_timer_getoverrun
#define timer_delete port_linux_timer_delete
#define aio_read port_linux_aio_read
#define aio_write port_linux_aio_write
#define aio_fsync port_linux_aio_fsync
#define aio_error port_linux_aio_error
#define aio_return port_linux_aio_return
#define aio_cancel port_linux_aio_cancel
#define aio_suspend port_linux_aio_suspend
#define lio_listio port_linux_lio_listio
#define mq_notify port_linux_mq_notify

/* portev_events of PORT_SOURCE_AIO, which illumos has in <sys/aio.h>. */
#define AIOLIO 7
#define AIOAREAD 11
#define AIOAWRITE 12
#define AIOFSYNC 20
#endif

#endif
