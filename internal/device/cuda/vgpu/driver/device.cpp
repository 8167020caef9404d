#include "device.h"

#include <cstdio>
#include <cstring>

#include "faults.h"
#include "handles.h"
#include "options.h"
#include "report.h"
#include "trap.h"

namespace vgpu {

static std::mutex devices_mutex;
static std::vector<std::unique_ptr<Device>> *devices; // null before cuInit; never destroyed: threads outlive main

bool initialized() {
	std::lock_guard<std::mutex> lock(devices_mutex);
	return devices != nullptr;
}

int device_count() {
	std::lock_guard<std::mutex> lock(devices_mutex);
	return devices == nullptr ? 0 : (int)devices->size();
}

Device *device(int number) {
	std::lock_guard<std::mutex> lock(devices_mutex);
	if (devices == nullptr || number < 0 || number >= (int)devices->size()) return nullptr;
	return (*devices)[number].get();
}

void Device::fail(CUresult code, const std::string &why) {
	int none = CUDA_SUCCESS;
	if (error.compare_exchange_strong(none, code)) say("device %d: %s", number, why.c_str());
}

CUresult refused(CUresult error, const char *caller, const std::string &why) {
	say("%s: %s", caller, why.c_str());
	return error;
}

} // namespace vgpu

using namespace vgpu;

extern "C" {

CUresult cuInit(unsigned flags) {
	if (flags != 0) return refused(CUDA_ERROR_INVALID_VALUE, __func__, "its flags must be 0");
	for (const std::string &error : {options_error(), faults_error()}) {
		if (!error.empty()) return refused(CUDA_ERROR_INVALID_VALUE, __func__, error);
	}
	std::lock_guard<std::mutex> lock(devices_mutex);
	if (devices == nullptr) {
		devices = new std::vector<std::unique_ptr<Device>>;
		for (int i = 0; i < options().devices; i++) devices->push_back(std::make_unique<Device>(i));
		catch_traps();
	}
	return devices->empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
	if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*version = options().driver;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*count = device_count();
	return CUDA_SUCCESS;
}

// DEVICE checks the number of a device, or returns from the function of the driver.
#define DEVICE(name, number) \
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED; \
	Device *name = device(number); \
	if (name == nullptr) return CUDA_ERROR_INVALID_DEVICE

CUresult cuDeviceGet(CUdevice *number, int ordinal) {
	DEVICE(d, ordinal);
	if (number == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*number = d->number;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice number) {
	DEVICE(d, number);
	if (name == nullptr || size < 1) return CUDA_ERROR_INVALID_VALUE;
	snprintf(name, size, "vgpu %d, a stand-in on the processor", d->number);
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice number) {
	DEVICE(d, number);
	if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
	memset(uuid, 0, sizeof *uuid);
	memcpy(uuid->bytes, "vgpu", 4);
	uuid->bytes[15] = (char)d->number;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice number) {
	DEVICE(d, number);
	if (id == nullptr || size < 13) return CUDA_ERROR_INVALID_VALUE;
	snprintf(id, size, "0000:%02x:00.0", d->number + 1);
	return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice number) {
	DEVICE(d, number);
	(void)d;
	if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*bytes = options().memory;
	return CUDA_SUCCESS;
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice number, CUdevice peer) {
	DEVICE(a, number);
	DEVICE(b, peer);
	if (can == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*can = a != b && options().peers;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetP2PAttribute(int *value, int attribute, CUdevice from, CUdevice to) {
	DEVICE(a, from);
	DEVICE(b, to);
	if (value == nullptr || a == b) return CUDA_ERROR_INVALID_VALUE;
	*value = options().peers && attribute == CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED;
	return CUDA_SUCCESS;
}

} // extern "C"
