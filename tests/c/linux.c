/* What <port_linux.h> adds, from C. */
#include <port_linux.h>

#include "check.h"

int main(void)
{
	port_event_t event;
	int port;

	/* event-ports-sys asserts the same of these names. */
	CHECK(SIGEV_PORT == 0x4550);
	CHECK(PORT_TRUST_NUMBER == 0x1 && PORT_TRUST_DESCRIPTORS == 0x2);

	CHECK_ERRNO(port_linux_set_max_events(0), EINVAL);
	CHECK(port_linux_set_max_events(1) == 0);
	port = port_create();
	CHECK(port >= 0);
	CHECK(port_send(port, 1, NULL) == 0);
	CHECK_ERRNO(port_send(port, 2, NULL), EAGAIN);

	CHECK(port_linux_trust(port, PORT_TRUST_NUMBER | PORT_TRUST_DESCRIPTORS) == 0);
	CHECK(port_get(port, &event, NULL) == 0 && event.portev_events == 1);
	CHECK(port_linux_close(port) == 0);
	CHECK_ERRNO(port_send(port, 3, NULL), EBADF);
	CHECK_ERRNO(port_linux_close(port), EBADF);
	return 0;
}
