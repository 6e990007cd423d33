/*
 * port_associate(3C), what it says of files: a structure with the path and the
 * times of a stat that was made before, one event when something has changed
 * since or changes later, and what comes unasked when the file goes.
 */
#include "../system.h"

#include <port.h>

#include "../check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "watched"
#define LINK_NAME "link"

static char file_name[] = FILE_NAME;
static char link_name[] = LINK_NAME;
static int port;
static int cookie;

/* What is the same on both systems, but for the names of the fields. */
static void take_times(struct file_obj *object, int events)
{
	struct stat status;

	CHECK((events & FILE_NOFOLLOW ? lstat : stat)(object->fo_name, &status) == 0);
	object->fo_atime = status.st_atim;
	object->fo_mtime = status.st_mtim;
	object->fo_ctime = status.st_ctim;
}

static void watch(struct file_obj *object, int events)
{
	CHECK(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)object, events, &cookie) == 0);
}

static int next_event(const struct file_obj *object)
{
	struct timespec timeout = {30, 0};
	port_event_t event;

	CHECK(port_get(port, &event, &timeout) == 0);
	CHECK(event.portev_source == PORT_SOURCE_FILE);
	CHECK(event.portev_object == (uintptr_t)object);
	CHECK(event.portev_user == &cookie);
	return event.portev_events;
}

static void nothing_comes(void)
{
	struct timespec moment = {0, 2000000};
	port_event_t event;

	CHECK_ERRNO(port_get(port, &event, &moment), ETIME);
}

static void append(const char *text)
{
	int fd = open(FILE_NAME, O_WRONLY | O_CREAT | O_APPEND, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

int main(void)
{
	struct file_obj object, other;
	struct stat before, after;
	char byte;
	int fd;

	port = port_create();
	CHECK(port >= 0);
	memset(&object, 0, sizeof(object));
	object.fo_name = file_name;
	append("one");

	/* Nothing has happened since the times were taken; then something does. */
	take_times(&object, 0);
	watch(&object, FILE_MODIFIED);
	nothing_comes();
	append("two");
	CHECK(next_event(&object) == FILE_MODIFIED);

	/* That was the one event. */
	append("three");
	nothing_comes();

	/* What has happened since the times were taken comes at once. */
	watch(&object, FILE_MODIFIED | FILE_ATTRIB);
	CHECK((next_event(&object) & (FILE_MODIFIED | FILE_ATTRIB)) != 0);
	take_times(&object, 0);
	watch(&object, FILE_MODIFIED | FILE_ATTRIB);
	nothing_comes();
	CHECK(chmod(FILE_NAME, 0640) == 0);
	CHECK(next_event(&object) == FILE_ATTRIB);

	/* Reading. */
	take_times(&object, 0);
	watch(&object, FILE_ACCESS);
	fd = open(FILE_NAME, O_RDWR);
	CHECK(fd != -1);
	CHECK(read(fd, &byte, 1) == 1);
	CHECK(next_event(&object) == FILE_ACCESS);

	/* Truncation. */
	take_times(&object, 0);
	watch(&object, FILE_TRUNC);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(next_event(&object) == FILE_TRUNC);
	CHECK(close(fd) == 0);

	/* Associating anew replaces the events that are asked for, and dissociating ends it. */
	take_times(&object, 0);
	watch(&object, FILE_ATTRIB);
	watch(&object, FILE_ACCESS);
	CHECK(chmod(FILE_NAME, 0600) == 0);
	nothing_comes();
	CHECK(port_dissociate(port, PORT_SOURCE_FILE, (uintptr_t)&object) == 0);
	CHECK_ERRNO(port_dissociate(port, PORT_SOURCE_FILE, (uintptr_t)&object), ENOENT);

	/* A symbolic link, and what it leads to. */
	CHECK(symlink(FILE_NAME, LINK_NAME) == 0);
	memset(&other, 0, sizeof(other));
	object.fo_name = link_name;
	other.fo_name = link_name;
	take_times(&object, 0);
	watch(&object, FILE_MODIFIED);
	take_times(&other, FILE_NOFOLLOW);
	watch(&other, FILE_NOFOLLOW | FILE_MODIFIED);
	append("four");
	CHECK(next_event(&object) == FILE_MODIFIED);
	CHECK(unlink(LINK_NAME) == 0);
	CHECK(next_event(&other) == FILE_DELETE);
	nothing_comes();

	/* What comes unasked comes to who has asked for nothing. */
	object.fo_name = file_name;
	take_times(&object, 0);
	watch(&object, 0);
	CHECK(stat(FILE_NAME, &before) == 0);
	CHECK(rename(FILE_NAME, "renamed") == 0);
	CHECK(next_event(&object) == FILE_RENAME_FROM);
	append("another");
	take_times(&object, 0);
	watch(&object, 0);
	CHECK(rename("renamed", FILE_NAME) == 0);
	CHECK(next_event(&object) == FILE_RENAME_TO);
	CHECK(stat(FILE_NAME, &after) == 0 && before.st_ino == after.st_ino);
	take_times(&object, 0);
	watch(&object, 0);
	CHECK(unlink(FILE_NAME) == 0);
	CHECK(next_event(&object) == FILE_DELETE);

	/* The errors. */
	CHECK_ERRNO(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_MODIFIED, NULL), ENOENT);
	CHECK_ERRNO(port_associate(port, PORT_SOURCE_FILE, (uintptr_t)&object, FILE_DELETE, NULL), EINVAL);
	CHECK_ERRNO(port_associate(port, PORT_SOURCE_USER, (uintptr_t)&object, FILE_MODIFIED, NULL), EINVAL);
	CHECK(close(port) == 0);
	return 0;
}
