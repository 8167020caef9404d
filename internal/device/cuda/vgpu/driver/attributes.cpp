// What the stand-in says of its devices: an H100's limits, but for those that follow from VGPU_SM, and
// fewer multiprocessors.
#include <map>

#include "device.h"
#include "launch_limits.h"
#include "options.h"
#include "report.h"

namespace vgpu {

int most_shared_memory() {
	switch (options().capability) {
	case 80: return 163 << 10;
	case 86:
	case 89:
	case 120: return 99 << 10;
	default: return options().capability >= 90 ? 227 << 10 : 64 << 10;
	}
}

static bool attribute(int which, const Device &device, int *value) {
	static const std::map<int, int> fixed = {
		{CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, MAX_THREADS},
		{CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, MAX_BLOCK.x},
		{CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, MAX_BLOCK.y},
		{CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, MAX_BLOCK.z},
		{CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, MAX_GRID.x},
		{CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, MAX_GRID.y},
		{CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, MAX_GRID.z},
		{CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, SHARED_MEMORY},
		{CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 64 << 10},
		{CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
		{CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 64 << 10},
		{CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1980000},
		{CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
		{CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, MULTIPROCESSORS},
		{CU_DEVICE_ATTRIBUTE_INTEGRATED, 0},
		{CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
		{CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, 0},
		{CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
		{CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 1},
		{CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, 0},
		{CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, 0},
		{CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 2619000},
		{CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
		{CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 50 << 20},
		{CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
		{CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 3},
		{CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
		{CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
		{CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 64 << 10},
		{CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 0},
		{CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
		{CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
		{CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 0},
	};
	switch (which) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = options().capability / 10; return true;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = options().capability % 10; return true;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = most_shared_memory(); return true;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = most_shared_memory() + 1024; return true;
	case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID: *value = device.number + 1; return true;
	}
	auto found = fixed.find(which);
	if (found == fixed.end()) return false;
	*value = found->second;
	return true;
}

} // namespace vgpu

using namespace vgpu;

extern "C" CUresult cuDeviceGetAttribute(int *value, int which, CUdevice number) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	if (value == nullptr || which < 1 || which >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
	if (!attribute(which, *d, value)) {
		say_once("cuDeviceGetAttribute: attribute " + std::to_string(which) + " is not modelled and reads 0");
		*value = 0;
	}
	return CUDA_SUCCESS;
}
