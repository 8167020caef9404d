// Whether this process may use the tiles of AMX.
#ifndef UER_AMX_H
#define UER_AMX_H

#include <errno.h>

// amx_permission asks for the tiles, for all threads of the process, those to come as well. It returns 0, -1 if the processor
// or the system has none, or the error with which the system refuses them: the first tile instruction would end the process.
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int amx_permission(void) {
	enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; // of arch_prctl
	unsigned a, b, c, d, low, high;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return -1; // XGETBV does not exist
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 24 & 1) || !(d >> 22 & 1)) return -1; // AMX-TILE, AMX-BF16
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if ((low >> 17 & 3) != 3) return -1; // the system saves no tiles
	return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) ? errno : 0;
}
#else
static inline int amx_permission(void) { return -1; }
#endif

#endif
