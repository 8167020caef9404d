// The CUDA driver, opened when one of its functions is first called, so that a program that could use a GPU also runs
// where there is no driver.
#ifndef DRIVER_H
#define DRIVER_H

#include "cuda.h"

// What happened when the driver was opened. The first call of any function of the driver opens it.
struct driver {
	CUresult result;   // of cuInit; CUDA_ERROR_NOT_INITIALIZED if the library could not be opened
	const char *path;  // of the library
	const char *error; // why it could not be opened, else NULL
};

const struct driver *driver_open(void);

// The address of a function of the driver, or NULL.
void *driver_function(const char *name);

// The result of a call of a function that driver_function did not find.
CUresult driver_missing(void);

// Defines a function of the driver that looks itself up when it is first called. It stays out of the dynamic symbols,
// where the driver's own libraries could take it for theirs.
#define FORWARD(name, parameters, arguments) FORWARD_EXPORTED(name, parameters, arguments)
#define FORWARD_EXPORTED(name, parameters, arguments)                            \
	__attribute__((visibility("hidden"))) CUresult name parameters               \
	{                                                                            \
		static CUresult(*found) parameters;                                      \
		CUresult(*function) parameters = __atomic_load_n(&found, __ATOMIC_RELAXED); \
		if (function == NULL) {                                                  \
			function = (CUresult(*) parameters)driver_function(#name);           \
			if (function == NULL)                                                \
				return driver_missing();                                         \
			__atomic_store_n(&found, function, __ATOMIC_RELAXED);                \
		}                                                                        \
		return function arguments;                                               \
	}

#endif
