/*
 * fork while threads use numbers that are no ports, in a process that has never
 * had one: the child is not kept waiting for what those threads were doing.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, CHILDREN = 100, NUMBER = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int stopped;

static int is_stopped(void)
{
	int value;

	CHECK(pthread_mutex_lock(&mutex) == 0);
	value = stopped;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	return value;
}

static void *ask(void *argument)
{
	int i;

	while (!is_stopped())
		for (i = 0; i < 100; i++)
			CHECK_ERRNO(port_send(NUMBER, 1, argument), EBADF);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	int i, status;

	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, ask, NULL) == 0);
	for (i = 0; i < CHILDREN && MALLOC_SURVIVES_FORK; i++) {
		pid_t child = fork();

		CHECK(child != -1);
		if (child == 0) {
			/* It does not outlive those that would wait for it. */
			alarm(60);
			if (port_send(NUMBER, 1, NULL) == 0 || errno != EBADF)
				_exit(1);
			_exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	CHECK(pthread_mutex_lock(&mutex) == 0);
	stopped = 1;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	return 0;
}
