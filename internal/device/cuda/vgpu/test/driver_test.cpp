// The driver's rules: devices, contexts, memory, streams and events.
#include <sys/mman.h>

#include <atomic>
#include <chrono>

#include "gpu.h"

using namespace test;

TEST(devices) {
	variable("VGPU_DEVICES", "3");
	variable("VGPU_SM", "86");
	variable("VGPU_MEMORY", "2G");
	int count, value;
	EQUAL(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
	OK(cuInit(0));
	OK(cuDeviceGetCount(&count));
	EQUAL(count, 3);
	CUdevice d;
	OK(cuDeviceGet(&d, 2));
	EQUAL(cuDeviceGet(&d, 3), CUDA_ERROR_INVALID_DEVICE);
	OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 1));
	EQUAL(value, 6);
	OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 1));
	EQUAL(value, 99 << 10);
	size_t bytes;
	OK(cuDeviceTotalMem_v2(&bytes, 0));
	EQUAL(bytes, 2ul << 30);
	char name[100];
	OK(cuDeviceGetName(name, sizeof name, 1));
	CHECK(strstr(name, "vgpu 1") != nullptr);
}

TEST(no_devices) {
	variable("VGPU_DEVICES", "0");
	EQUAL(cuInit(0), CUDA_ERROR_NO_DEVICE);
}

TEST(wrong_variables) {
	variable("VGPU_MEMORY", "lots");
	EQUAL(cuInit(0), CUDA_ERROR_INVALID_VALUE);
}

TEST(contexts_belong_to_threads) {
	Gpu gpu;
	CUresult other = CUDA_SUCCESS;
	CUdeviceptr address;
	std::thread([&] { other = cuMemAlloc_v2(&address, 4); }).join();
	EQUAL(other, CUDA_ERROR_INVALID_CONTEXT);
	std::thread([&] {
		cuCtxSetCurrent(gpu.context);
		other = cuMemAlloc_v2(&address, 4);
	}).join();
	EQUAL(other, CUDA_SUCCESS);
	CUcontext current;
	OK(cuCtxPopCurrent_v2(&current));
	CHECK(current == gpu.context);
	EQUAL(cuMemAlloc_v2(&address, 4), CUDA_ERROR_INVALID_CONTEXT);
	OK(cuCtxPushCurrent_v2(current));
	OK(cuMemAlloc_v2(&address, 4));
}

TEST(primary_contexts_are_counted) {
	Gpu gpu;
	CUcontext again;
	OK(cuDevicePrimaryCtxRetain(&again, 0));
	CHECK(again == gpu.context);
	CUdeviceptr address = allocate(4);
	OK(cuDevicePrimaryCtxRelease_v2(0));
	OK(cuMemsetD8_v2(address, 0, 4));
	OK(cuDevicePrimaryCtxRelease_v2(0));
	EQUAL(cuMemsetD8_v2(address, 0, 4), CUDA_ERROR_CONTEXT_IS_DESTROYED);
	EQUAL(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
	OK(cuDevicePrimaryCtxRetain(&again, 0));
	OK(cuCtxSetCurrent(again));
	EQUAL(cuMemsetD8_v2(address, 0, 4), CUDA_ERROR_INVALID_VALUE); // its memory went with it
	EQUAL(cuStreamSynchronize(gpu.stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST(memory_belongs_to_devices) {
	variable("VGPU_DEVICES", "2");
	Gpu first(0);
	CUdeviceptr a = upload(ramp(64));
	Gpu second(1);
	CUdeviceptr b = allocate(256);
	EQUAL(cuMemcpyDtoD_v2(b, a, 256), CUDA_ERROR_INVALID_VALUE);
	OK(cuMemcpyPeerAsync(b, second.context, a, first.context, 256, second.stream));
	OK(second.wait());
	EQUAL(download<float>(b, 64)[63], 63);
	OK(cuCtxEnablePeerAccess(first.context, 0));
	EQUAL(cuCtxEnablePeerAccess(first.context, 0), CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
	OK(second.run("block_reverse", 1, 64, 0, b, a));
	EQUAL(download<float>(b, 64)[0], 63);
	OK(cuCtxDisablePeerAccess(first.context));
	EQUAL(second.run("block_reverse", 1, 64, 0, b, a), CUDA_ERROR_ILLEGAL_ADDRESS);
	OK(cuCtxSetCurrent(first.context)); // the other device is as it was
	OK(first.run("block_reverse", 1, 64, 0, a, upload(ramp(64))));
	EQUAL(cuStreamSynchronize(second.stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST(memory_runs_out) {
	variable("VGPU_MEMORY", "1M");
	Gpu gpu;
	CUdeviceptr a, b;
	OK(cuMemAlloc_v2(&a, 600 << 10));
	EQUAL(cuMemAlloc_v2(&b, 600 << 10), CUDA_ERROR_OUT_OF_MEMORY);
	size_t free, total;
	OK(cuMemGetInfo_v2(&free, &total));
	EQUAL(free, 424u << 10);
	EQUAL(total, 1024u << 10);
	OK(cuMemFree_v2(a));
	OK(cuMemAlloc_v2(&b, 600 << 10));
	EQUAL(cuMemAlloc_v2(&b, 0), CUDA_ERROR_INVALID_VALUE);
}

// maps counts the maps that the process has, of which the system allows only so many.
static size_t maps() {
	std::ifstream file("/proc/self/maps");
	std::string line;
	size_t count = 0;
	while (std::getline(file, line)) count++;
	return count;
}

TEST(streams_that_end_leave_nothing) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(64 * 8)), out = allocate(64 * 8 * 4);
	size_t before = 0;
	for (int i = 0; i < 100; i++) {
		OK(gpu.run("block_reverse", 8, 64, 0, out, in));
		OK(cuStreamDestroy_v2(gpu.stream));
		OK(cuStreamCreate(&gpu.stream, CU_STREAM_NON_BLOCKING));
		if (i == 9) before = maps();
	}
	CHECK(maps() < before + 1000); // 90 streams had 11,520 maps for the stacks of their kernels
}

// use_up_maps takes all maps but so many. The C library keeps memory that needs no map.
static void use_up_maps(size_t left) {
	std::vector<void *> taken;
	taken.reserve(1 << 17);
	for (std::vector<std::vector<char>> small(1000, std::vector<char>(2000)); !small.empty();) small.clear();
	for (;;) {
		void *page = mmap(nullptr, 4096, taken.size() % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED) break;
		taken.push_back(page);
	}
	for (size_t i = 0; i < left; i++) munmap(taken[2 * i], 4096);
}

TEST(buffers_without_maps) {
	Gpu gpu;
	use_up_maps(1); // enough for the map of a buffer, not for its guard pages
	CUdeviceptr address;
	EQUAL(cuMemAlloc_v2(&address, 5000), CUDA_ERROR_OUT_OF_MEMORY);
	void *pinned;
	EQUAL(cuMemHostAlloc(&pinned, 5000, 0), CUDA_ERROR_OUT_OF_MEMORY);
}

TEST(stacks_without_maps) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(1024)), out = allocate(4096);
	// Every thread has the shared memory that block_sums needs, but not the stacks.
	for (int i = 0; i < 200; i++) OK(gpu.run("block_reverse", 16, 64, 16 << 10, out, in));
	use_up_maps(20);
	EQUAL(gpu.run("block_sums", 4, 256, 16, out, in, 4), CUDA_ERROR_LAUNCH_FAILED);
}

TEST(frees_are_checked) {
	Gpu gpu;
	CUdeviceptr a = allocate(1000);
	EQUAL(a % 256, 0);
	EQUAL(cuMemFree_v2(a + 256), CUDA_ERROR_INVALID_VALUE);
	OK(cuMemFree_v2(a));
	EQUAL(cuMemFree_v2(a), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemFree_v2(0), CUDA_ERROR_INVALID_VALUE);
}

TEST(copies_are_checked) {
	Gpu gpu;
	CUdeviceptr a = allocate(100);
	char host[200] = {};
	EQUAL(cuMemcpyHtoD_v2(a, host, 101), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemcpyHtoD_v2(a + 50, host, 51), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemcpyHtoD_v2((CUdeviceptr)host, host, 10), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemcpyHtoD_v2(a, (const void *)a, 10), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemcpyDtoH_v2((void *)a, a, 10), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemcpyDtoH_v2(nullptr, a, 10), CUDA_ERROR_INVALID_VALUE);
	OK(cuMemcpyHtoD_v2(a + 50, host, 50));
	EQUAL(cuMemsetD32_v2(a + 2, 0, 1), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuMemsetD32_v2(a, 0, 26), CUDA_ERROR_INVALID_VALUE);
	OK(cuMemsetD16_v2(a, 0x1234, 50));
	EQUAL(download<unsigned short>(a, 50)[49], 0x1234);
}

// A copy of pinned memory reads it when its turn comes, not when it is asked for.
TEST(copies_of_pinned_memory_are_asynchronous) {
	Gpu gpu;
	void *pinned = nullptr;
	OK(cuMemHostAlloc(&pinned, 4, 0));
	CUdeviceptr out = allocate(4), x = allocate(4);
	*(int *)pinned = 1;
	OK(gpu.launch("spin", 1, 32, 0, out, 3000000));
	OK(cuMemcpyHtoDAsync_v2(x, pinned, 4, gpu.stream));
	EQUAL(cuStreamQuery(gpu.stream), CUDA_ERROR_NOT_READY);
	*(int *)pinned = 2;
	OK(gpu.wait());
	EQUAL(download<int>(x, 1)[0], 2);
	OK(cuMemFreeHost(pinned));
	EQUAL(cuMemFreeHost(pinned), CUDA_ERROR_INVALID_VALUE);
}

// One of other memory has taken what was there.
TEST(copies_of_other_memory_wait) {
	Gpu gpu;
	int host = 1;
	CUdeviceptr out = allocate(4), x = allocate(4);
	OK(gpu.launch("spin", 1, 32, 0, out, 1000000));
	OK(cuMemcpyHtoDAsync_v2(x, &host, 4, gpu.stream));
	host = 2;
	OK(gpu.wait());
	EQUAL(download<int>(x, 1)[0], 1);
	OK(cuMemHostRegister_v2(&host, 4, 0));
	EQUAL(cuMemHostRegister_v2(&host, 4, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
	OK(gpu.launch("spin", 1, 32, 0, out, 1000000));
	OK(cuMemcpyHtoDAsync_v2(x, &host, 4, gpu.stream));
	host = 3;
	OK(gpu.wait());
	EQUAL(download<int>(x, 1)[0], 3);
	OK(cuMemHostUnregister(&host));
	EQUAL(cuMemHostUnregister(&host), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

TEST(streams_run_beside_each_other) {
	Gpu gpu;
	CUstream other;
	OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
	CUdeviceptr out = allocate(4), x = allocate(4);
	OK(gpu.launch("spin", 1, 32, 0, out, 3000000));
	OK(cuMemsetD32Async(x, 7, 1, other));
	OK(cuStreamSynchronize(other));
	EQUAL(cuStreamQuery(gpu.stream), CUDA_ERROR_NOT_READY);
	OK(cuStreamDestroy_v2(other));
	EQUAL(cuStreamSynchronize(other), CUDA_ERROR_INVALID_HANDLE);
	OK(gpu.wait());
	EQUAL(cuStreamSynchronize((CUstream)&out), CUDA_ERROR_INVALID_HANDLE);
}

// A stream that is destroyed does what it still has to do, and memory is freed after that.
TEST(destroyed_streams_finish) {
	Gpu gpu;
	CUdeviceptr out = allocate(4), x = allocate(4);
	OK(gpu.launch("spin", 1, 32, 0, out, 3000000));
	OK(cuMemcpyDtoDAsync_v2(x, out, 4, gpu.stream));
	OK(cuStreamDestroy_v2(gpu.stream));
	OK(cuMemFree_v2(out));
	CHECK(download<float>(x, 1)[0] > 1);
}

TEST(events_order_streams) {
	Gpu gpu;
	CUstream other;
	CUevent event, end;
	OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
	OK(cuEventCreate(&event, CU_EVENT_DEFAULT));
	OK(cuEventCreate(&end, CU_EVENT_DEFAULT));
	OK(cuEventQuery(event)); // never recorded
	OK(cuStreamWaitEvent(other, event, 0));
	void *pinned = nullptr;
	OK(cuMemHostAlloc(&pinned, 4, 0));
	CUdeviceptr out = allocate(4);
	OK(gpu.launch("spin", 1, 32, 0, out, 3000000));
	OK(cuMemsetD32Async(out, 7, 1, gpu.stream));
	OK(cuEventRecord(event, gpu.stream));
	EQUAL(cuEventQuery(event), CUDA_ERROR_NOT_READY);
	OK(cuStreamWaitEvent(other, event, 0));
	OK(cuMemcpyDtoHAsync_v2(pinned, out, 4, other));
	OK(cuEventRecord(end, other));
	OK(cuEventSynchronize(end));
	EQUAL(*(int *)pinned, 7);
	OK(cuEventQuery(event));
	float milliseconds = -1;
	OK(cuEventElapsedTime(&milliseconds, event, end));
	CHECK(milliseconds >= 0);
	OK(cuEventDestroy_v2(event));
	EQUAL(cuEventRecord(event, gpu.stream), CUDA_ERROR_INVALID_HANDLE);
	CUevent untimed;
	OK(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING));
	OK(cuEventRecord(untimed, gpu.stream));
	EQUAL(cuEventElapsedTime(&milliseconds, untimed, end), CUDA_ERROR_INVALID_HANDLE);
}

// The stream without a name goes in order with those that block, and with no other.
TEST(the_legacy_stream_waits_for_those_that_block) {
	Gpu gpu;
	CUstream blocking;
	OK(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
	CUdeviceptr out = allocate(4), x = allocate(4);
	CUfunction spin = gpu.function("spin");
	int turns = 3000000;
	void *arguments[] = {&out, &turns};
	OK(cuLaunchKernel(spin, 1, 1, 1, 32, 1, 1, 0, blocking, arguments, nullptr));
	OK(cuMemsetD32Async(out, 7, 1, nullptr));
	OK(cuMemcpyDtoDAsync_v2(x, out, 4, blocking));
	OK(cuStreamSynchronize(blocking));
	EQUAL(download<int>(x, 1)[0], 7);
	OK(gpu.launch("spin", 1, 32, 0, out, turns));
	OK(cuMemsetD32_v2(x, 8, 1));
	EQUAL(download<int>(x, 1)[0], 8);
	EQUAL(cuStreamQuery(gpu.stream), CUDA_ERROR_NOT_READY);
	OK(cuStreamQuery(nullptr));
	OK(gpu.wait());
}

TEST(host_functions_run_in_order) {
	Gpu gpu;
	static std::atomic<int> seen{0};
	static CUdeviceptr x = allocate(4);
	CUdeviceptr out = allocate(4);
	OK(gpu.launch("spin", 1, 32, 0, out, 1000000));
	OK(cuLaunchHostFunc(gpu.stream, [](void *number) { seen = *(int *)number; }, new int(5)));
	EQUAL(seen.load(), 0);
	OK(gpu.wait());
	EQUAL(seen.load(), 5);
	OK(cuLaunchHostFunc(gpu.stream, [](void *) { seen = cuMemsetD8_v2(x, 0, 4); }, nullptr));
	OK(gpu.wait());
	EQUAL(seen.load(), CUDA_ERROR_NOT_PERMITTED);
}

TEST(functions_belong_to_contexts) {
	variable("VGPU_DEVICES", "2");
	Gpu first(0);
	Gpu second(1);
	CUdeviceptr x = upload(ramp(64));
	void *arguments[] = {&x, &x};
	CUfunction f = second.function("block_reverse");
	OK(cuCtxSetCurrent(first.context));
	EQUAL(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, first.stream, arguments, nullptr), CUDA_ERROR_INVALID_HANDLE);
	f = first.function("block_reverse");
	EQUAL(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, second.stream, arguments, nullptr), CUDA_ERROR_INVALID_HANDLE);
	OK(cuModuleUnload(first.module));
	EQUAL(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, first.stream, arguments, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

TEST(faults_of_allocation) {
	variable("VGPU_FAIL", "alloc:2, host:1");
	Gpu gpu;
	CUdeviceptr a, b;
	void *pinned;
	OK(cuMemAlloc_v2(&a, 4));
	EQUAL(cuMemAlloc_v2(&b, 4), CUDA_ERROR_OUT_OF_MEMORY);
	OK(cuMemAlloc_v2(&b, 4));
	EQUAL(cuMemHostAlloc(&pinned, 4, 0), CUDA_ERROR_OUT_OF_MEMORY);
}

TEST(faults_of_launches) {
	variable("VGPU_FAIL", "launch:3");
	Gpu gpu;
	CUdeviceptr counter = upload(std::vector<int>{0});
	OK(gpu.run("count", 1, 1, 0, counter));
	OK(gpu.run("count", 1, 1, 0, counter));
	OK(gpu.launch("count", 1, 1, 0, counter));
	EQUAL(gpu.wait(), CUDA_ERROR_LAUNCH_FAILED);
	EQUAL(cuMemFree_v2(counter), CUDA_ERROR_LAUNCH_FAILED);
	EQUAL(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_FAILED);
}

TEST(faults_of_one_device) {
	variable("VGPU_FAIL", "lost:1@1");
	variable("VGPU_DEVICES", "2");
	Gpu first(0);
	CUdeviceptr a = upload(std::vector<int>{0});
	OK(first.run("count", 1, 1, 0, a));
	Gpu second(1);
	CUdeviceptr b = upload(std::vector<int>{0});
	EQUAL(second.run("count", 1, 1, 0, b), CUDA_ERROR_UNKNOWN);
	EQUAL(cuMemcpyHtoD_v2(b, &b, 4), CUDA_ERROR_UNKNOWN);
	OK(cuCtxSetCurrent(first.context));
	OK(first.run("count", 1, 1, 0, a));
	EQUAL(download<int>(a, 1)[0], 2);
}

TEST(faults_of_copies) {
	variable("VGPU_FAIL", "copy:2");
	Gpu gpu;
	int host = 0;
	CUdeviceptr a = allocate(4);
	OK(cuMemcpyHtoD_v2(a, &host, 4));
	EQUAL(cuMemcpyDtoH_v2(&host, a, 4), CUDA_ERROR_ECC_UNCORRECTABLE);
	EQUAL(gpu.wait(), CUDA_ERROR_ECC_UNCORRECTABLE);
}

TEST(faults_that_cannot_be_read) {
	variable("VGPU_FAIL", "launch");
	EQUAL(cuInit(0), CUDA_ERROR_INVALID_VALUE);
}

TEST(errors_have_names) {
	const char *text = nullptr;
	OK(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
	EQUAL(strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY"), 0);
	EQUAL(cuGetErrorName((CUresult)4242, &text), CUDA_ERROR_INVALID_VALUE);
}

int main(int count, char **arguments) { return test::run(count, arguments); }
