// Kernels on the stand-in: right ones give what they should, mistakes are noticed.
#include <cmath>

#include "gpu.h"

using namespace test;

TEST(adds) {
	Gpu gpu;
	const int n = 1000;
	CUdeviceptr a = upload(ramp(n)), b = upload(ramp(n)), out = allocate(n * 4);
	OK(gpu.run("add", 8, 128, 0, out, a, b, n));
	std::vector<float> sum = download<float>(out, n);
	for (int i = 0; i < n; i++) EQUAL(sum[i], 2 * i);
}

TEST(takes_structures_by_value) {
	Gpu gpu;
	struct {
		float factor;
		int n;
		CUdeviceptr from;
	} scale = {3, 10, upload(ramp(10))};
	CUdeviceptr out = allocate(40);
	OK(gpu.run("scale_by_value", 1, 32, 0, out, scale, 0.5));
	EQUAL(download<float>(out, 10)[9], 27.5);
}

TEST(shares_memory) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(640)), out = allocate(640 * 4);
	OK(gpu.run("block_reverse", 10, 64, 0, out, in));
	std::vector<float> reversed = download<float>(out, 640);
	for (int i = 0; i < 640; i++) EQUAL(reversed[i], i / 64 * 64 + 63 - i % 64);
}

TEST(adds_up_blocks) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(1024)), out = allocate(16);
	OK(gpu.run("block_sums", 4, 256, 16, out, in, 4));
	std::vector<float> sums = download<float>(out, 4);
	for (int i = 0; i < 4; i++) EQUAL(sums[i], 32640 + 65536 * i);
}

TEST(counts_atomically) {
	Gpu gpu;
	CUdeviceptr counter = upload(std::vector<int>{0});
	OK(gpu.run("count", 20, 100, 0, counter));
	EQUAL(download<int>(counter, 1)[0], 2000);
}

TEST(spins) {
	Gpu gpu;
	CUdeviceptr out = allocate(4);
	OK(gpu.run("spin", 1, 32, 0, out, 100));
	CHECK(download<float>(out, 1)[0] > 1);
}

// The Go test compares what this prints for both kinds of twins.
TEST(numbers) {
	Gpu gpu;
	std::vector<float> in(512);
	for (size_t i = 0; i < in.size(); i++) in[i] = std::sin((float)i * 7) * (i % 5 ? 1.0f : 1e5f);
	CUdeviceptr from = upload(in), out = allocate(in.size() * 16);
	OK(gpu.run("numbers", 4, 128, 0, out, from, (uint64_t)0x123456789abcdef, (unsigned)in.size()));
	uint64_t hash = 0;
	for (unsigned x : download<unsigned>(out, in.size() * 4)) hash = hash * 0x100000001b3 + x;
	printf("%016llx\n", (unsigned long long)hash);
}

static uint16_t to_bf16(float x) { return (uint16_t)((__builtin_bit_cast(uint32_t, x) + 0x8000) >> 16); }
static float from_bf16(uint16_t x) { return __builtin_bit_cast(float, (uint32_t)x << 16); }

// tensor_product compares exp2(a b) with float64; the rows of a that are not there count as zero.
static void tensor_product(const char *kernel, bool by_rows, int rows, int k) {
	Gpu gpu;
	gpu.load("kernels/tensor.ptx");
	std::vector<uint16_t> a(rows * k), b(64 * k);
	for (size_t i = 0; i < a.size(); i++) a[i] = to_bf16(std::sin((float)i * 3));
	for (size_t i = 0; i < b.size(); i++) b[i] = to_bf16(std::cos((float)i * 5));
	CUdeviceptr c = allocate(64 * 64 * 2);
	OK(gpu.run(kernel, 1, 128, 4 * 64 * 16 * 2, c, upload(a), upload(b), rows, k));
	std::vector<uint16_t> got = download<uint16_t>(c, 64 * 64);
	for (int i = 0; i < 64; i++) {
		for (int j = 0; j < 64; j++) {
			double sum = 0;
			for (int l = 0; i < rows && l < k; l++) {
				sum += (double)from_bf16(a[i * k + l]) * from_bf16(by_rows ? b[l * 64 + j] : b[j * k + l]);
			}
			CHECK(std::abs(from_bf16(got[i * 64 + j]) / std::exp2(sum) - 1) < 0.005);
		}
	}
}
TEST(tensor_products) { tensor_product("tensor_product", false, 64, 48); }
TEST(tensor_products_by_rows) { tensor_product("tensor_product_by_rows", true, 50, 48); }

// by_hand launches a kernel of hand/instructions.ptx as one thread.
template <class... A> static std::vector<unsigned> by_hand(const char *kernel, size_t words, A... more) {
	Gpu gpu;
	gpu.load("hand/instructions.ptx");
	CUdeviceptr out = allocate(words * 4);
	OK(gpu.run(kernel, 1, 1, 0, out, more...));
	return download<unsigned>(out, words);
}

TEST(floats_by_hand) {
	const float nan = std::nanf("");
	std::vector<unsigned> got = by_hand("floats", 19, nan, 3e9f);
	const unsigned want[] = {
		0, 1, 0, 1, 1, 0, 0,       // comparisons with NaN
		0x4f32d05e, 0x80000000,    // max(NaN, 3e9), min(3e9, -0)
		0x7fffffff, 3000000000, 0, // to integers: too large, in range, NaN
		2, 0xfffffffd, 3,          // 2.5 to even, -2.5 down, 2.5 up
		0xcf32d05e, 0x4f32d05e,    // a sign taken over, and taken away
		0x4f333f80, 0x3eaaaaab,    // two halves, of which 1.00390625 goes to even; 1/3
	};
	for (size_t i = 0; i < got.size(); i++) EQUAL(got[i], want[i]);
	got = by_hand("floats", 19, -0.0f, 0.0f);
	EQUAL(got[7], 0); // max(-0, 0)
}

TEST(integers_by_hand) {
	std::vector<unsigned> got = by_hand("integers", 28, 0x9abcdef0u, (uint64_t)0xfedcba9876543210);
	const unsigned want[] = {
		0, 0, 0xffffffff,          // shifted by more than there is
		9, 0xfffffff9, 0,          // bits from 28 on, with and without sign, and none
		0x280e09b0, 0x5d87c790,    // upper halves of squares
		19, 0, 0x0f7b3d59,         // ones, leading zeros, reversed
		0x9abcdef0, 5,             // the smaller with and without sign
		0xc8dc5acc, 0xfedcba98,    // of the square of 64 bits; the upper half of a register
		0xffffdef0, 0xdef0,        // 16 bits with and without sign
		0xfffffff0, 0xf0,          // 8 bits
		0xdef09abc,                // halves exchanged
		0xf188b223, 0xfffffffb, 6, // division
		0, 0x468acee0,             // a sum of 64 bits: shifted out, and its lower half
		0xffffffff,                // not written
		0xfedcba98, 0xc8dc5acc,    // halves put together
	};
	for (size_t i = 0; i < got.size(); i++) EQUAL(got[i], want[i]);
}

// A kernel that forgets a barrier gives NaN under some schedules; each process has one.
static bool any_nan(const char *kernel, unsigned threads) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(threads)), out = allocate(threads * 4);
	bool nan = false;
	for (int i = 0; i < 20; i++) {
		OK(gpu.run(kernel, 1, threads, 0, out, in));
		for (float x : download<float>(out, threads)) nan |= std::isnan(x);
	}
	return nan;
}
TEST(notices_a_missing_barrier) { CHECK(any_nan("forgets_barrier", 64)); }
TEST(notices_a_missing_warp_barrier) { CHECK(any_nan("forgets_warp_barrier", 32)); }

TEST(shared_memory_begins_as_nan) {
	Gpu gpu;
	CUdeviceptr out = allocate(256);
	OK(gpu.run("reads_unwritten", 1, 64, 0, out));
	std::vector<float> read = download<float>(out, 64);
	CHECK(std::isnan(read[5]));
	EQUAL(read[4], 1);
}

TEST(new_memory_is_nan) {
	Gpu gpu;
	for (float x : download<float>(allocate(4000), 1000)) CHECK(std::isnan(x));
}

// Each of these ends with an error of the device that stays.
template <class... A> static void fails(
	CUresult want, const char *kernel, unsigned blocks, unsigned threads, unsigned shared, size_t bytes, A... more) {
	Gpu gpu;
	EQUAL(gpu.run(kernel, blocks, threads, shared, allocate(bytes), more...), want);
	CUdeviceptr address;
	EQUAL(cuMemAlloc_v2(&address, 4), want);
}
TEST(notices_different_barriers) { fails(CUDA_ERROR_LAUNCH_FAILED, "diverges", 1, 64, 0, 256); }
TEST(notices_a_barrier_without_all) { fails(CUDA_ERROR_LAUNCH_FAILED, "returns_early", 1, 64, 0, 256, 40); }
TEST(notices_a_shuffle_without_all) { fails(CUDA_ERROR_LAUNCH_FAILED, "shuffles_alone", 1, 32, 0, 128, 20); }
TEST(notices_a_write_past_a_page) { fails(CUDA_ERROR_ILLEGAL_ADDRESS, "writes_past_end", 5, 256, 0, 4096, 1024); }
TEST(notices_a_write_past_a_buffer) { fails(CUDA_ERROR_ILLEGAL_ADDRESS, "writes_past_end", 1, 32, 0, 40, 10); }
TEST(notices_a_write_past_shared_memory) { fails(CUDA_ERROR_LAUNCH_FAILED, "writes_past_shared", 1, 32, 128, 128, 32); }
TEST(notices_a_write_past_a_part_of_shared_memory) {
	fails(CUDA_ERROR_LAUNCH_FAILED, "writes_past_shared", 1, 8, 40, 128, 10);
}

TEST(notices_a_division_by_zero) { fails(CUDA_ERROR_LAUNCH_FAILED, "divides_by_zero", 1, 32, 0, 128, 20); }

TEST(notices_an_address_that_is_not_aligned) {
	fails(CUDA_ERROR_LAUNCH_FAILED, "writes_four_at", 1, 1, 0, 128, 3);
}

TEST(notices_a_null_pointer) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(64)), out = 0;
	EQUAL(gpu.run("block_reverse", 1, 64, 0, out, in), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(notices_freed_memory) {
	Gpu gpu;
	CUdeviceptr buffer = upload(ramp(64)), pointers = upload(std::vector<CUdeviceptr>{buffer}), out = allocate(256);
	OK(gpu.run("follows", 1, 64, 0, out, pointers));
	EQUAL(download<float>(out, 64)[63], 63);
	OK(cuMemFree_v2(buffer));
	EQUAL(gpu.run("follows", 1, 64, 0, out, pointers), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(notices_freed_memory_among_arguments) {
	Gpu gpu;
	CUdeviceptr in = upload(ramp(64)), out = allocate(256);
	OK(cuMemFree_v2(in));
	EQUAL(gpu.run("block_reverse", 1, 64, 0, out, in), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(notices_a_host_pointer) {
	Gpu gpu;
	std::vector<float> host(64);
	CUdeviceptr out = allocate(256);
	EQUAL(gpu.run("block_reverse", 1, 64, 0, out, (CUdeviceptr)host.data()), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(reaches_pinned_memory) {
	Gpu gpu;
	void *pinned = nullptr;
	OK(cuMemHostAlloc(&pinned, 256, 0));
	std::vector<float> x = ramp(64);
	memcpy(pinned, x.data(), 256);
	CUdeviceptr out = allocate(256);
	OK(gpu.run("block_reverse", 1, 64, 0, out, (CUdeviceptr)pinned));
	EQUAL(download<float>(out, 64)[0], 63);
}

TEST(blocks_come_in_any_order) {
	Gpu gpu;
	CUdeviceptr out = allocate(4);
	bool differs = false;
	for (int i = 0; i < 20; i++) {
		OK(gpu.run("depends_on_order", 50, 1, 0, out));
		differs |= download<float>(out, 1)[0] != 49;
	}
	CHECK(differs);
}

TEST(launches_are_checked) {
	Gpu gpu;
	CUdeviceptr x = upload(ramp(64));
	EQUAL(gpu.launch("block_reverse", 0, 64, 0, x, x), CUDA_ERROR_INVALID_VALUE);
	EQUAL(gpu.launch("block_reverse", 1, 1025, 0, x, x), CUDA_ERROR_INVALID_VALUE);
	EQUAL(gpu.launch("block_reverse", 1, 64, 50000, x, x), CUDA_ERROR_INVALID_VALUE);
	void *missing[] = {&x, nullptr};
	EQUAL(cuLaunchKernel(gpu.function("block_reverse"), 1, 1, 1, 64, 1, 1, 0, gpu.stream, missing, nullptr),
		CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuLaunchKernel(gpu.function("block_reverse"), 1, 1, 1, 64, 1, 1, 0, gpu.stream, nullptr, nullptr),
		CUDA_ERROR_INVALID_VALUE);
	// More than 48 KB of shared memory have to be asked for.
	CUfunction sums = gpu.function("block_sums");
	int shared = 0;
	OK(cuFuncGetAttribute(&shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, sums));
	EQUAL(shared, 32);
	EQUAL(gpu.launch("block_sums", 1, 256, 60000, x, x, 4), CUDA_ERROR_INVALID_VALUE);
	EQUAL(cuFuncSetAttribute(sums, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300000), CUDA_ERROR_INVALID_VALUE);
	OK(cuFuncSetAttribute(sums, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 60000));
	CUdeviceptr in = upload(ramp(256)), out = allocate(4);
	OK(gpu.run("block_sums", 1, 256, 60000, out, in, 4));
	CUfunction none;
	EQUAL(cuModuleGetFunction(&none, gpu.module, "subtract"), CUDA_ERROR_NOT_FOUND);
}

TEST(modules_are_checked) {
	variable("VGPU_SM", "75");
	variable("VGPU_DRIVER", "11000");
	OK(cuInit(0));
	CUcontext context;
	OK(cuDevicePrimaryCtxRetain(&context, 0));
	OK(cuCtxSetCurrent(context));
	CUmodule module;
	EQUAL(cuModuleLoadData(&module, "hello"), CUDA_ERROR_INVALID_IMAGE);
	EQUAL(cuModuleLoadData(&module, kernels("kernels/right.ptx").c_str()), CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
	EQUAL(cuModuleLoadData(&module, ".version 7.0\n.target sm_80\n"), CUDA_ERROR_NO_BINARY_FOR_GPU);
	const char *broken = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry f(.param .u64 "
						 "p)\n{\n\tfrobnicate.u32 %r1;\n}\n";
	char log[200] = "";
	int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)sizeof log};
	EQUAL(cuModuleLoadDataEx(&module, broken, 2, options, values), CUDA_ERROR_INVALID_PTX);
	CHECK(strstr(log, "frobnicate") != nullptr);
}

int main(int count, char **arguments) { return test::run(count, arguments); }
