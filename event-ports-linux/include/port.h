/*
 * Event ports: the functions of illumos's <port.h>, implemented on Linux.
 *
 * Each returns -1 and sets errno when it fails. The manual pages are
 * https://illumos.org/man/3C/port_create and its neighbours.
 *
 * SPDX-License-Identifier: MPL-2.0
 */
#ifndef EVENT_PORTS_PORT_H
#define EVENT_PORTS_PORT_H

#include <sys/port.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the descriptor of a new port. */
int port_create(void);

/* (port, source, object, events, user): one event when the object has news. */
int port_associate(int, int, uintptr_t, int, void *);

/* (port, source, object): ends an association. */
int port_dissociate(int, int, uintptr_t);

/* (port, events, user): queues an event of PORT_SOURCE_USER. */
int port_send(int, int, void *);

/*
 * (ports, errors, count, events, user): port_send for each port. Returns how
 * many worked; when not all did, errors has an errno, or 0, for each port.
 */
int port_sendn(int[], int[], uint_t, int, void *);

/* (port, event, timeout): waits for one event; NULL waits for ever. */
int port_get(int, port_event_t *, struct timespec *);

/*
 * (port, events, max, count, timeout): waits until *count events are there,
 * takes up to max and stores their number in *count. With ETIME too, *count
 * events were taken. A max of 0 stores how many events wait.
 */
int port_getn(int, port_event_t[], uint_t, uint_t *, struct timespec *);

/* (port, flags, events, user): enters alert mode; events of 0 leave it. */
int port_alert(int, int, int, void *);

#ifdef __cplusplus
}
#endif

/* Timers, asynchronous I/O and message queues, which send events, too. */
#if defined(__linux__) && !defined(PORT_NO_STANDARD_NAMES)
#include <port_linux.h>
#endif

#endif
