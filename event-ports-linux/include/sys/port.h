/*
 * Event ports: structures and constants, with the names, values and layouts
 * of illumos. <port.h> has the functions; include that.
 *
 * SPDX-License-Identifier: MPL-2.0
 */
#ifndef EVENT_PORTS_SYS_PORT_H
#define EVENT_PORTS_SYS_PORT_H

#include <sched.h>  /* struct timespec, which <time.h> hides from strict C90 and C99 */
#include <stdint.h> /* uintptr_t */
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Names that illumos programs expect from <sys/types.h>, <time.h> and <aio.h>,
 * and that C libraries on Linux lack. A program that declares them itself
 * defines PORT_NO_ILLUMOS_TYPES: C before C11 takes no typedef twice.
 */
#ifndef PORT_NO_ILLUMOS_TYPES
typedef unsigned char uchar_t;
typedef unsigned short ushort_t;
typedef unsigned int uint_t;
typedef unsigned long ulong_t;
typedef struct timespec timespec_t;
typedef struct timespec timestruc_t;
typedef struct aiocb aiocb_t;
#endif

/* What port_get and port_getn return. */
typedef struct port_event {
	int portev_events;        /* what happened: depends on the source */
	ushort_t portev_source;   /* PORT_SOURCE_* */
	ushort_t portev_pad;      /* never meaningful */
	uintptr_t portev_object;  /* what it is about: depends on the source */
	void *portev_user;        /* the cookie given with the object */
} port_event_t;

/* What sigev_value.sival_ptr points to when sigev_notify is SIGEV_PORT. */
typedef struct port_notify {
	int portnfy_port;    /* the port that gets the event */
	void *portnfy_user;  /* the cookie of the event */
} port_notify_t;

/* A file to watch. Its address is the object of the association. */
typedef struct file_obj {
	timestruc_t fo_atime;  /* the times last seen; a time of 0 is not compared */
	timestruc_t fo_mtime;
	timestruc_t fo_ctime;
	uintptr_t fo_pad[3];   /* zero */
	char *fo_name;         /* the path */
} file_obj_t;

/* Sources of events. */
#define PORT_SOURCE_AIO 1   /* asynchronous I/O; object: struct aiocb * */
#define PORT_SOURCE_TIMER 2 /* timer_create; object: timer_t */
#define PORT_SOURCE_USER 3  /* port_send, port_sendn; object: 0 */
#define PORT_SOURCE_FD 4    /* a descriptor; object: its number */
#define PORT_SOURCE_ALERT 5 /* port_alert; object: 0 */
#define PORT_SOURCE_MQ 6    /* mq_notify; object: mqd_t */
#define PORT_SOURCE_FILE 7  /* a file; object: file_obj_t * */

/* Flags of port_alert. */
#define PORT_ALERT_SET 0x01
#define PORT_ALERT_UPDATE 0x02
#define PORT_ALERT_INVALID (PORT_ALERT_SET | PORT_ALERT_UPDATE)

/* Events of PORT_SOURCE_FILE that a program asks for. */
#define FILE_ACCESS 0x00000001
#define FILE_MODIFIED 0x00000002
#define FILE_ATTRIB 0x00000004
#define FILE_TRUNC 0x00100000
#define FILE_NOFOLLOW 0x10000000 /* asks for the link itself; never returned */

/* Events of PORT_SOURCE_FILE that come unasked, and end the watch. */
#define FILE_DELETE 0x00000010
#define FILE_RENAME_TO 0x00000020
#define FILE_RENAME_FROM 0x00000040
#define UNMOUNTED 0x20000000
#define MOUNTEDOVER 0x40000000
#define FILE_EXCEPTION \
	(FILE_DELETE | FILE_RENAME_TO | FILE_RENAME_FROM | UNMOUNTED | MOUNTEDOVER)

/*
 * The value of sigev_notify that asks for an event. illumos has 4 here, which
 * on Linux means SIGEV_THREAD_ID: a signal for a thread. This value is one that
 * Linux knows nothing of.
 */
#define SIGEV_PORT 0x4550

#ifdef __cplusplus
}
#endif

#endif
