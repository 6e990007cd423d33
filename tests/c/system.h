/*
 * To be included first: strict compilers hide what is not in the C standard,
 * illumos's headers hide more than that once they see _XOPEN_SOURCE.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#define _XOPEN_SOURCE 700
#define __EXTENSIONS__ 1

#endif
