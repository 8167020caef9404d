// The part of NCCL that exchanges need. The library is opened at run time; names and values are its own.
#ifndef NCCL_H
#define NCCL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	char bytes[128];
} nccl_id;

// The functions of an open library. Most return a result, 0 for success.
struct nccl {
	int (*version)(int *version);
	int (*unique_id)(nccl_id *id);
	const char *(*result_name)(int result);
	const char *(*last_error)(void *communicator);
	int (*init)(void **communicator, int ranks, nccl_id id, int rank, void *config);
	int (*async_error)(void *communicator, int *result);
	int (*destroy)(void *communicator);
	int (*abort)(void *communicator);
	int (*group_start)(void);
	int (*group_end)(void);
	int (*broadcast)(const void *send, void *receive, size_t count, int type, int root, void *communicator, void *stream);
	int (*all_reduce)(const void *send, void *receive, size_t count, int type, int op, void *communicator, void *stream);
	int (*reduce)(const void *send, void *receive, size_t count, int type, int op, int root, void *communicator, void *stream);
};

// Looks the functions up. Returns the name of one that the library lacks, or NULL.
const char *nccl_find(struct nccl *nccl, void *library);

int nccl_version(const struct nccl *nccl);
int nccl_unique_id(const struct nccl *nccl, nccl_id *id);
const char *nccl_result_name(const struct nccl *nccl, int result);
const char *nccl_last_error(const struct nccl *nccl, void *communicator);

// Begins to make a communicator, without waiting for the other ranks.
int nccl_init(const struct nccl *nccl, void **communicator, int ranks, const nccl_id *id, int rank);

int nccl_async_error(const struct nccl *nccl, void *communicator);
int nccl_destroy(const struct nccl *nccl, void *communicator);
int nccl_abort(const struct nccl *nccl, void *communicator);

// Begins to sum floats in place.
int nccl_all_reduce(const struct nccl *nccl, void *communicator, uint64_t values, size_t count, void *stream);

// Begins to sum floats of all ranks in place of those of one.
int nccl_reduce(const struct nccl *nccl, void *communicator, uint64_t values, size_t count, int root, void *stream);

// Begins to copy floats from one rank to all, also to itself; the others need not have where they come from.
int nccl_broadcast(const struct nccl *nccl, void *communicator, uint64_t from, uint64_t to, size_t count, int root,
	void *stream);

// Begins to copy floats in place, those from bounds[r] to bounds[r + 1] from rank r to all.
int nccl_all_gather(const struct nccl *nccl, void *communicator, uint64_t values, const size_t *bounds, int ranks,
	void *stream);

#endif
