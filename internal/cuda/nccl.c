//go:build gpu

#include "nccl.h"

#include <dlfcn.h>

// ncclConfig_t as it began. The library fills in what later versions have added.
struct config {
	size_t size;
	unsigned magic, version;
	int blocking;
};

enum { CONFIG_MAGIC = 0xcafebeef, CONFIG_VERSION = 21400 };
enum { FLOAT32 = 7 }; // ncclDataType_t
enum { SUM = 0 };     // ncclRedOp_t
enum { IN_PROGRESS = 7 };

const char *nccl_find(struct nccl *nccl, void *library)
{
	struct {
		void **function;
		const char *name;
	} functions[] = {
		{(void **)&nccl->version, "ncclGetVersion"},
		{(void **)&nccl->unique_id, "ncclGetUniqueId"},
		{(void **)&nccl->result_name, "ncclGetErrorString"},
		{(void **)&nccl->last_error, "ncclGetLastError"},
		{(void **)&nccl->init, "ncclCommInitRankConfig"},
		{(void **)&nccl->async_error, "ncclCommGetAsyncError"},
		{(void **)&nccl->destroy, "ncclCommDestroy"},
		{(void **)&nccl->abort, "ncclCommAbort"},
		{(void **)&nccl->group_start, "ncclGroupStart"},
		{(void **)&nccl->group_end, "ncclGroupEnd"},
		{(void **)&nccl->broadcast, "ncclBroadcast"},
		{(void **)&nccl->all_reduce, "ncclAllReduce"},
		{(void **)&nccl->reduce, "ncclReduce"},
	};
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		*functions[i].function = dlsym(library, functions[i].name);
		if (*functions[i].function == NULL)
			return functions[i].name;
	}
	return NULL;
}

int nccl_version(const struct nccl *nccl)
{
	int version = 0;
	nccl->version(&version);
	return version;
}

int nccl_unique_id(const struct nccl *nccl, nccl_id *id) { return nccl->unique_id(id); }
const char *nccl_result_name(const struct nccl *nccl, int result) { return nccl->result_name(result); }
const char *nccl_last_error(const struct nccl *nccl, void *communicator) { return nccl->last_error(communicator); }

int nccl_init(const struct nccl *nccl, void **communicator, int ranks, const nccl_id *id, int rank)
{
	struct config config = {sizeof config, CONFIG_MAGIC, CONFIG_VERSION, 0};
	return nccl->init(communicator, ranks, *id, rank, &config);
}

int nccl_async_error(const struct nccl *nccl, void *communicator)
{
	int result = 0, status = nccl->async_error(communicator, &result);
	return status != 0 ? status : result;
}

int nccl_destroy(const struct nccl *nccl, void *communicator) { return nccl->destroy(communicator); }
int nccl_abort(const struct nccl *nccl, void *communicator) { return nccl->abort(communicator); }

int nccl_all_reduce(const struct nccl *nccl, void *communicator, uint64_t values, size_t count, void *stream)
{
	void *at = (void *)values;
	return nccl->all_reduce(at, at, count, FLOAT32, SUM, communicator, stream);
}

int nccl_reduce(const struct nccl *nccl, void *communicator, uint64_t values, size_t count, int root, void *stream)
{
	void *at = (void *)values;
	return nccl->reduce(at, at, count, FLOAT32, SUM, root, communicator, stream);
}

int nccl_broadcast(const struct nccl *nccl, void *communicator, uint64_t from, uint64_t to, size_t count, int root,
	void *stream)
{
	return nccl->broadcast((const void *)from, (void *)to, count, FLOAT32, root, communicator, stream);
}

int nccl_all_gather(const struct nccl *nccl, void *communicator, uint64_t values, const size_t *bounds, int ranks,
	void *stream)
{
	int first = 0, result = nccl->group_start();
	if (result != 0)
		return result;
	for (int rank = 0; rank < ranks && first == 0; rank++) {
		uint64_t at = values + sizeof(float) * bounds[rank];
		size_t count = bounds[rank + 1] - bounds[rank];
		if (count == 0)
			continue;
		result = nccl_broadcast(nccl, communicator, at, at, count, rank, stream);
		if (result != IN_PROGRESS)
			first = result;
	}
	result = nccl->group_end(); // must be called in any case
	return first != 0 ? first : result;
}
