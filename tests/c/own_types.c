/* A program that has illumos's names for types already, as ported ones do. */
#include <time.h>

typedef unsigned char uchar_t;
typedef unsigned short ushort_t;
typedef unsigned int uint_t;
typedef unsigned long ulong_t;
typedef struct timespec timespec_t;
typedef struct timespec timestruc_t;
typedef struct aiocb aiocb_t;
#define PORT_NO_ILLUMOS_TYPES
#include <port.h>

int main(void)
{
	ushort_t source = PORT_SOURCE_USER;
	port_event_t event;

	event.portev_source = source;
	return event.portev_source != PORT_SOURCE_USER;
}
