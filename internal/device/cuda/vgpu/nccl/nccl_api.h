// The part of NCCL that the stand-in implements, with the library's own values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda_api.h"

enum ncclResult_t : int {
	ncclSuccess = 0,
	ncclUnhandledCudaError = 1,
	ncclSystemError = 2,
	ncclInternalError = 3,
	ncclInvalidArgument = 4,
	ncclInvalidUsage = 5,
	ncclRemoteError = 6,
	ncclInProgress = 7,
};

enum ncclDataType_t : int { ncclFloat32 = 7, ncclFloat64 = 8 };
enum ncclRedOp_t : int { ncclSum = 0 };

struct ncclUniqueId {
	char internal[128];
};

// The first version of the structure. Later ones are longer; size and version say which one it is.
struct ncclConfig_t {
	size_t size;
	unsigned magic;
	unsigned version;
	int blocking;
};

constexpr unsigned NCCL_CONFIG_MAGIC = 0xcafebeef;

struct ncclComm;
typedef ncclComm *ncclComm_t;

extern "C" {
ncclResult_t ncclGetVersion(int *version);
ncclResult_t ncclGetUniqueId(ncclUniqueId *id);
const char *ncclGetErrorString(ncclResult_t result);
const char *ncclGetLastError(ncclComm_t comm);
ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t *config);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error);
ncclResult_t ncclCommFinalize(ncclComm_t comm);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, ncclDataType_t type, ncclRedOp_t op,
	ncclComm_t comm, CUstream stream);
ncclResult_t ncclReduce(const void *send, void *receive, size_t count, ncclDataType_t type, ncclRedOp_t op, int root,
	ncclComm_t comm, CUstream stream);
ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, ncclDataType_t type, int root, ncclComm_t comm,
	CUstream stream);
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
}
