/* A program that has other uses for the names of timers, requests and queues, as few do. */
#define PORT_NO_STANDARD_NAMES
#include <port.h>

#include "check.h"

struct operations {
	int (*aio_read)(int);
	int (*timer_delete)(int);
};

static int aio_read(int value)
{
	return value + 1;
}

int main(void)
{
	struct operations operations;

	operations.aio_read = aio_read;
	operations.timer_delete = aio_read;
	CHECK(operations.aio_read(1) == 2 && operations.timer_delete(2) == 3);
	return 0;
}
