// Sums over the ranks of a communicator, in the order of the ranks, so that they have the same bits however the ranks are
// divided into processes. As in NCCL, a communicator that does not block begins its work and answers ncclInProgress, and a
// rank that never comes makes the others wait until they abort.
#include "nccl_api.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "device.h"
#include "faults.h"
#include "handles.h"
#include "meeting.h"
#include "report.h"

using namespace vgpu;

struct ncclComm {
	ncclComm(Context *context, const std::string &name, int ranks, int rank) : context(context), meeting(name, ranks, rank) {}

	void fail(ncclResult_t error, const std::string &why) {
		std::lock_guard<std::mutex> lock(mutex);
		message = why;
		state = error;
	}

	Context *const context;
	Meeting meeting;
	std::atomic<int> state{ncclInProgress};
	std::atomic<bool> aborted{false}, alive{true};
	std::mutex mutex;
	std::string message; // of the last error
};

namespace {

ncclResult_t wrong(const char *caller, const std::string &why, ncclResult_t result = ncclInvalidArgument) {
	say("%s: %s", caller, why.c_str());
	return result;
}

// add sums what the ranks have given, in the order of the ranks.
template <class T> void add(Meeting &meeting, T *to, size_t count) {
	memcpy(to, meeting.slot(0), count * sizeof(T));
	for (int rank = 1; rank < meeting.ranks(); rank++) {
		const T *from = reinterpret_cast<const T *>(meeting.slot(rank));
		for (size_t i = 0; i < count; i++) to[i] += from[i];
	}
}

// reduce gives the sums to one rank, or to all if root is ALL.
const int ALL = -1;

template <class T> void reduce(ncclComm *comm, const T *send, T *receive, size_t count, int root) {
	const size_t most = Meeting::SLOT / sizeof(T);
	for (size_t start = 0; start < count; start += most) {
		size_t n = count - start < most ? count - start : most;
		memcpy(comm->meeting.slot(comm->meeting.rank()), send + start, n * sizeof(T));
		if (!comm->meeting.wait(comm->aborted)) return;
		if (root == ALL || root == comm->meeting.rank()) add(comm->meeting, receive + start, n);
		if (!comm->meeting.wait(comm->aborted)) return; // nobody gives more before all have read this
	}
}

void broadcast(ncclComm *comm, const char *send, char *receive, size_t bytes, int root) {
	for (size_t start = 0; start < bytes; start += Meeting::SLOT) {
		size_t n = bytes - start < Meeting::SLOT ? bytes - start : Meeting::SLOT;
		if (comm->meeting.rank() == root) memcpy(comm->meeting.slot(root), send + start, n);
		if (!comm->meeting.wait(comm->aborted)) return;
		memcpy(receive + start, comm->meeting.slot(root), n);
		if (!comm->meeting.wait(comm->aborted)) return; // nobody gives more before all have read this
	}
}

// usable says what is wrong with a communicator that is to begin work, if anything is.
ncclResult_t usable(const char *caller, ncclComm *comm) {
	if (!Handles<ncclComm>::known(comm) || !comm->alive) return wrong(caller, "no such communicator");
	if (comm->state == ncclInProgress)
		return wrong(caller, "the communicator is still being made, or busy", ncclInvalidUsage);
	return static_cast<ncclResult_t>(comm->state.load());
}

// ready finds the context and the stream of an exchange that is to begin.
ncclResult_t ready(const char *caller, ncclComm *comm, CUstream *stream, Context **context) {
	if (ncclResult_t result = usable(caller, comm)) return result;
	if (current_context(caller, context) != CUDA_SUCCESS) return ncclUnhandledCudaError;
	if (*context != comm->context) return wrong(caller, "the communicator was made in another context", ncclInvalidUsage);
	return stream_of(caller, *context, stream) == CUDA_SUCCESS ? ncclSuccess : ncclInvalidArgument;
}

ncclResult_t reachable(const char *caller, Context *context, const void *memory, size_t bytes) {
	uint64_t address = reinterpret_cast<uint64_t>(memory);
	return context->reaches(address, bytes) ? ncclSuccess : wrong(caller, context->device.memory.describe(address));
}

// failing makes an exchange fail that is to.
ncclResult_t failing(ncclComm *comm) {
	if (!fault(Fault::collective, comm->context->device.number)) return ncclSuccess;
	comm->fail(ncclSystemError, "the network is gone");
	return ncclSystemError;
}

// begin_sum begins a sum for one rank, or for ALL.
ncclResult_t begin_sum(const char *caller, const void *send, void *receive, size_t count, ncclDataType_t type, ncclRedOp_t op,
	int root, ncclComm *comm, CUstream stream) {
	Context *context;
	if (ncclResult_t result = ready(caller, comm, &stream, &context)) return result;
	if (root >= comm->meeting.ranks()) return wrong(caller, "no rank " + std::to_string(root));
	if (op != ncclSum || (type != ncclFloat32 && type != ncclFloat64)) return wrong(caller, "not in the stand-in");
	const size_t bytes = count * (type == ncclFloat32 ? 4 : 8);
	if (ncclResult_t result = reachable(caller, context, send, bytes)) return result;
	if (root == ALL || root == comm->meeting.rank()) {
		if (ncclResult_t result = reachable(caller, context, receive, bytes)) return result;
	}
	if (ncclResult_t result = failing(comm)) return result;
	context->submit(stream, [=] {
		trace(context->device.number, "begins", "sum");
		if (type == ncclFloat32)
			reduce(comm, static_cast<const float *>(send), static_cast<float *>(receive), count, root);
		else
			reduce(comm, static_cast<const double *>(send), static_cast<double *>(receive), count, root);
		trace(context->device.number, "ends", "sum");
	});
	return ncclSuccess;
}

} // namespace

extern "C" {

ncclResult_t ncclGetVersion(int *version) {
	*version = 22700;
	return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
	unsigned char random[16] = {};
	std::ifstream("/dev/urandom", std::ios::binary).read(reinterpret_cast<char *>(random), sizeof random);
	memset(id, 0, sizeof *id);
	char *to = id->internal;
	to += sprintf(to, "/vgpu-nccl-");
	for (unsigned char byte : random) to += sprintf(to, "%02x", byte);
	return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result) {
	switch (result) {
	case ncclSuccess: return "no error";
	case ncclUnhandledCudaError: return "unhandled cuda error";
	case ncclSystemError: return "unhandled system error";
	case ncclInternalError: return "internal error";
	case ncclInvalidArgument: return "invalid argument";
	case ncclInvalidUsage: return "invalid usage";
	case ncclRemoteError: return "remote process exited or there was a network error";
	case ncclInProgress: return "NCCL operation in progress";
	}
	return "unknown result code";
}

const char *ncclGetLastError(ncclComm_t comm) {
	if (!Handles<ncclComm>::known(comm)) return "";
	static thread_local std::string copy;
	std::lock_guard<std::mutex> lock(comm->mutex);
	copy = comm->message;
	return copy.c_str();
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t *config) {
	Context *context;
	if (current_context(__func__, &context) != CUDA_SUCCESS) return ncclUnhandledCudaError;
	if (comm == nullptr || rank < 0 || rank >= ranks) return wrong(__func__, "rank " + std::to_string(rank) + " of " + std::to_string(ranks));
	if (config == nullptr || config->magic != NCCL_CONFIG_MAGIC || config->version < 21400 || config->size < sizeof *config)
		return wrong(__func__, "the configuration is not one");
	if (strncmp(id.internal, "/vgpu-nccl-", 11) != 0) return wrong(__func__, "the id is not from ncclGetUniqueId");
	ncclComm *made = *comm = new ncclComm(context, id.internal, ranks, rank);
	Handles<ncclComm>::add(made);
	auto open = [made] {
		std::string why = made->meeting.open(made->context->device.number, made->aborted);
		why.empty() ? made->fail(ncclSuccess, "") : made->fail(ncclInvalidUsage, why);
	};
	if (config->blocking != 0) {
		open();
		return static_cast<ncclResult_t>(made->state.load());
	}
	std::thread(open).detach();
	return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error) {
	if (!Handles<ncclComm>::known(comm) || !comm->alive) return wrong(__func__, "no such communicator");
	*error = static_cast<ncclResult_t>(comm->state.load());
	return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) { return usable(__func__, comm); }

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
	if (!Handles<ncclComm>::known(comm) || !comm->alive) return wrong(__func__, "no such communicator");
	comm->alive = false;
	return ncclSuccess;
}

// What is in the streams ends soon, with any result.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
	if (!Handles<ncclComm>::known(comm) || !comm->alive) return wrong(__func__, "no such communicator");
	comm->aborted = true;
	comm->alive = false;
	return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, ncclDataType_t type, ncclRedOp_t op,
	ncclComm_t comm, CUstream stream) {
	return begin_sum(__func__, send, receive, count, type, op, ALL, comm, stream);
}

ncclResult_t ncclReduce(const void *send, void *receive, size_t count, ncclDataType_t type, ncclRedOp_t op, int root,
	ncclComm_t comm, CUstream stream) {
	if (root < 0) return wrong(__func__, "no rank " + std::to_string(root));
	return begin_sum(__func__, send, receive, count, type, op, root, comm, stream);
}

ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, ncclDataType_t type, int root, ncclComm_t comm,
	CUstream stream) {
	Context *context;
	if (ncclResult_t result = ready(__func__, comm, &stream, &context)) return result;
	if (root < 0 || root >= comm->meeting.ranks()) return wrong(__func__, "no rank " + std::to_string(root));
	if (type != ncclFloat32 && type != ncclFloat64) return wrong(__func__, "not in the stand-in");
	const size_t bytes = count * (type == ncclFloat32 ? 4 : 8);
	if (ncclResult_t result = reachable(__func__, context, receive, bytes)) return result;
	if (comm->meeting.rank() == root) {
		if (ncclResult_t result = reachable(__func__, context, send, bytes)) return result;
	}
	if (ncclResult_t result = failing(comm)) return result;
	context->submit(stream, [=] { broadcast(comm, static_cast<const char *>(send), static_cast<char *>(receive), bytes, root); });
	return ncclSuccess;
}

// What a group holds begins at once here, one after the other, which gives the same results.
ncclResult_t ncclGroupStart() { return ncclSuccess; }
ncclResult_t ncclGroupEnd() { return ncclSuccess; }

} // extern "C"
