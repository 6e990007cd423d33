/*
 * Watches files from a thread of its own, as a monitor of configuration files
 * does: the times that stat(2) gave are handed over with each association, so
 * that nothing is missed between looking and watching.
 */
#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1
#include <sys/types.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <port.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fileinfo {
	struct file_obj fobj;
	int events;
	int port;
	int seen; /* what has happened to it so far */
	int gone;
} fileinfo_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Looks at the file and watches it from there on; 0 if it is not there. */
static int watch(fileinfo_t *info)
{
	struct stat sb;

	if (stat(info->fobj.fo_name, &sb) == -1) {
		if (errno != ENOENT)
			die("stat");
		return 0;
	}
	info->fobj.fo_atime = sb.st_atim;
	info->fobj.fo_mtime = sb.st_mtim;
	info->fobj.fo_ctime = sb.st_ctim;
	if (port_associate(info->port, PORT_SOURCE_FILE, (uintptr_t)&info->fobj, info->events, (char *)info) == -1)
		die("port_associate");
	return 1;
}

static void *monitor(void *arg)
{
	int port = *(int *)arg;
	port_event_t pe;

	while (port_get(port, &pe, NULL) == 0) {
		file_obj_t *fobjp = (file_obj_t *)pe.portev_object;
		fileinfo_t *info = (fileinfo_t *)pe.portev_user;

		switch (pe.portev_source) {
		case PORT_SOURCE_FILE:
			if (fobjp != &info->fobj)
				die("portev_object");
			(void)pthread_mutex_lock(&lock);
			info->seen |= pe.portev_events;
			if (pe.portev_events & FILE_EXCEPTION)
				info->gone = 1;
			else if (!watch(info))
				info->gone = 1;
			(void)pthread_cond_broadcast(&news);
			(void)pthread_mutex_unlock(&lock);
			break;
		case PORT_SOURCE_USER:
			return NULL;
		default:
			die("portev_source");
		}
	}
	die("port_get");
	return NULL;
}

/* Waits until something has happened to the file, and forgets it. */
static void expect(fileinfo_t *info, int events)
{
	(void)pthread_mutex_lock(&lock);
	while ((info->seen & events) != events)
		(void)pthread_cond_wait(&news, &lock);
	info->seen = 0;
	(void)pthread_mutex_unlock(&lock);
}

int main(void)
{
	static char names[2][8] = {"first", "second"};
	fileinfo_t files[2];
	pthread_t tid;
	int port, fd[2], i;
	uint_t nget = 1;

	if ((port = port_create()) == -1)
		die("port_create");
	memset(files, 0, sizeof(files));
	for (i = 0; i < 2; i++) {
		if ((fd[i] = open(names[i], O_RDWR | O_CREAT | O_TRUNC, 0600)) == -1)
			die(names[i]);
		files[i].fobj.fo_name = names[i];
		files[i].events = FILE_MODIFIED | FILE_ATTRIB;
		files[i].port = port;
		if (!watch(&files[i]))
			die("watch");
	}
	if (pthread_create(&tid, NULL, monitor, &port) != 0)
		die("pthread_create");

	if (write(fd[0], "x", 1) != 1)
		die("write");
	expect(&files[0], FILE_MODIFIED);
	if (fchmod(fd[1], 0640) == -1)
		die("fchmod");
	expect(&files[1], FILE_ATTRIB);
	for (i = 0; i < 20; i++) {
		if (write(fd[i % 2], "x", 1) != 1)
			die("write");
		expect(&files[i % 2], FILE_MODIFIED);
	}
	if (rename(names[0], "third") == -1)
		die("rename");
	expect(&files[0], FILE_RENAME_FROM);
	(void)close(fd[1]);
	if (unlink(names[1]) == -1)
		die("unlink");
	expect(&files[1], FILE_DELETE);

	if (port_send(port, 0, NULL) == -1)
		die("port_send");
	if (pthread_join(tid, NULL) != 0 || !files[0].gone || !files[1].gone)
		die("pthread_join");
	if (port_getn(port, NULL, 0, &nget, NULL) == -1 || nget != 0)
		die("port_getn");
	(void)close(fd[0]);
	(void)unlink("third");
	(void)close(port);
	return 0;
}
