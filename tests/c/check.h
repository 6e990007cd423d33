/* How the C programs check what they do. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s (errno: %s)\n", __FILE__, __LINE__, #condition, strerror(errno)); \
			exit(1); \
		} \
	} while (0)

/* The call fails, with this errno. */
#define CHECK_ERRNO(call, expected) CHECK((errno = 0, (call) == -1 && errno == (expected)))

/*
 * Whether a child of a process with threads can use malloc, as POSIX does not
 * promise and C libraries do: not with AddressSanitizer's own.
 */
#ifdef __SANITIZE_ADDRESS__
#define MALLOC_SURVIVES_FORK 0
#else
#define MALLOC_SURVIVES_FORK 1
#endif

#endif
