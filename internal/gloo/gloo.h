// What libuer_gloo.so offers. library/gloo.cpp implements it.

#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UER_GLOO_VERSION 1
#define UER_GLOO_ERROR 512 // bytes for a message

typedef struct uer_gloo uer_gloo;

// How the processes learn one another's addresses: put writes a value, get waits for one and returns its length, or -1.
typedef void (*uer_gloo_put)(void *handle, const char *key, const char *value, size_t length);
typedef long (*uer_gloo_get)(void *handle, const char *key, char *value, size_t capacity);

int uer_gloo_version(void);

// Connects this process with all others, or returns NULL and a message. Address is one of this machine.
uer_gloo *uer_gloo_open(int process, int processes, const char *address, long timeout_ms, uer_gloo_put put, uer_gloo_get get,
                        void *handle, char *error);

// Both return 0, or 1 and a message. Lengths are in values, by process.
int uer_gloo_exchange(uer_gloo *g, float *out, const int64_t *sent, float *in, const int64_t *received, char *error);
int uer_gloo_gather(uer_gloo *g, float *own, float *all, const int64_t *lengths, char *error);

void uer_gloo_close(uer_gloo *g);

#ifdef __cplusplus
}
#endif
