/* What bindgen reads to make the bindings of event-ports-sys. */
#include <port.h>
#include <sys/port.h>
