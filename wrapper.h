/*
 * What bindgen reads to make the bindings of event-ports-sys: event ports, and
 * what the sources TIMER, AIO, MQ and FD of a port need.
 */
#include <port.h>
#include <sys/port.h>

#include <aio.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
