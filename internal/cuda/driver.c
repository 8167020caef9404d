//go:build gpu

#define _GNU_SOURCE
#include "driver.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

static struct driver driver;
static void *library;

// Where the driver is if the loader does not find it by name: on the Windows Subsystem for Linux and on NixOS.
static const char *const elsewhere[] = {"/usr/lib/wsl/lib/libcuda.so.1", "/run/opengl-driver/lib/libcuda.so.1"};

static void open_library(void)
{
	const char *chosen = getenv("UER_LIBCUDA");
	if (chosen != NULL && *chosen == '\0')
		chosen = NULL;
	library = dlopen(chosen != NULL ? chosen : "libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
	if (library != NULL)
		return;
	driver.error = strdup(dlerror());
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere && library == NULL && chosen == NULL; i++)
		library = dlopen(elsewhere[i], RTLD_NOW | RTLD_GLOBAL);
}

static void start(void)
{
	driver.result = CUDA_ERROR_NOT_INITIALIZED;
	open_library();
	if (library == NULL)
		return;
	struct link_map *map;
	driver.path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? strdup(map->l_name) : "libcuda.so.1";
	CUresult (*init)(unsigned int) = (CUresult(*)(unsigned int))dlsym(library, "cuInit");
	if (init == NULL) {
		driver.error = "it has no function cuInit";
		return;
	}
	driver.error = NULL;
	driver.result = init(0);
}

const struct driver *driver_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start);
	return &driver;
}

void *driver_function(const char *name)
{
	driver_open();
	return library != NULL ? dlsym(library, name) : NULL;
}

CUresult driver_missing(void)
{
	CUresult result = driver_open()->result;
	return result == CUDA_SUCCESS ? CUDA_ERROR_NOT_FOUND : result;
}

// Package cu calls cuInit when the program starts, and ends the program if that fails. The driver is initialised when
// it is opened.
__attribute__((visibility("hidden"))) CUresult cuInit(unsigned int flags)
{
	(void)flags;
	return CUDA_SUCCESS;
}
