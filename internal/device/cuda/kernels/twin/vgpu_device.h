// The part of CUDA C++ that device.h leaves to a stand-in, for kernels that a C++ compiler compiles to run on the CPU.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace vgpu {
struct Index {
	unsigned x, y, z;
};
// A thread of a block as its kernel sees it.
struct Thread {
	Index index;
	unsigned lane, warp;
};
extern Thread *current;
extern Index current_block;

// site names the place in the source where a thread waits.
void barrier(const char *site);
uint64_t exchange(const char *site, uint64_t value, unsigned distance);

// enter_kernel registers a kernel: how to call it with pointers to its arguments.
typedef void (*Call)(void **arguments);
int enter_kernel(const char *name, Call call);

template <auto kernel> struct Caller;
template <class... A, void (*kernel)(A...)> struct Caller<kernel> {
	template <size_t... I> static void with(void **arguments, std::index_sequence<I...>) {
		kernel(*static_cast<std::remove_reference_t<A> *>(arguments[I])...);
	}
	static void call(void **arguments) { with(arguments, std::index_sequence_for<A...>{}); }
};

template <class T> T exchange_value(const char *site, T value, unsigned distance) {
	uint64_t bits = 0;
	memcpy(&bits, &value, sizeof value);
	bits = exchange(site, bits, distance);
	memcpy(&value, &bits, sizeof value);
	return value;
}
} // namespace vgpu

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __shared__ static thread_local // of this library, which the runtime poisons before each block

#define KERNEL(name, ...) \
	extern "C" void name(__VA_ARGS__); \
	static int entered_##name = vgpu::enter_kernel(#name, vgpu::Caller<(void (*)(__VA_ARGS__))name>::call); \
	extern "C" void name(__VA_ARGS__)

#define threadIdx (vgpu::current->index)
#define blockIdx (vgpu::current_block)

#define VGPU_TEXT(x) #x
#define VGPU_NUMBER(x) VGPU_TEXT(x)
#define VGPU_SITE __FILE__ ":" VGPU_NUMBER(__LINE__)
#define __syncthreads() vgpu::barrier(VGPU_SITE)
#define __syncwarp() ((void)vgpu::exchange(VGPU_SITE, 0, 0))
#define __shfl_xor_sync(mask, value, distance) vgpu::exchange_value(VGPU_SITE, value, distance)

static inline unsigned __float_as_uint(float f) {
	unsigned u;
	memcpy(&u, &f, 4);
	return u;
}
static inline float __uint_as_float(unsigned u) {
	float f;
	memcpy(&f, &u, 4);
	return f;
}
