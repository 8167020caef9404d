// What C++ that is translated from PTX calls. Registers are integers without sign, float or double; types are those of
// the instructions.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "vgpu_blocks.h"
#include "vgpu_device.h"
#include "vgpu_tensor.h"

#undef mma // the macros of the kernels' dialect
#undef fmaxf
#undef fminf

namespace vgpu::ptx {

// as reads a register, or a part of it, as a value of a type.
template <class T, class Register> inline T as(Register x) {
	if constexpr (sizeof(T) == sizeof x) {
		return bits_as<T>(x);
	} else {
		static_assert(sizeof(T) < sizeof x && std::is_integral_v<T> && std::is_integral_v<Register>);
		return static_cast<T>(x);
	}
}

// set writes a value to a register; a wider register takes integers with their sign.
template <class Register, class T> inline void set(Register &to, T x) {
	if constexpr (sizeof(T) == sizeof to) {
		to = bits_as<Register>(x);
	} else {
		static_assert(sizeof(T) < sizeof to && std::is_integral_v<T> && std::is_integral_v<Register>);
		to = static_cast<Register>(x);
	}
}
inline void set(bool &to, bool x) { to = x; }

// garbage is what a register holds that was never written.
template <class T> inline T garbage() {
	T x;
	memset(&x, 0xff, sizeof x);
	return x;
}
template <> inline bool garbage() { return true; }

// Memory. An address has to be a multiple of what is read or written at once.
template <class T> inline T *at(uint64_t address, unsigned count = 1) {
	if (address % (sizeof(T) * count) != 0) fail("an address is no multiple of the size of what lies there");
	return reinterpret_cast<T *>(address);
}
template <class T> inline T *shared_at(uint64_t address, unsigned count = 1) {
	if (address % (sizeof(T) * count) != 0) fail("an address is no multiple of the size of what lies there");
	return static_cast<T *>(shared_address(address, sizeof(T) * count));
}
template <unsigned SIZE, unsigned ALIGNMENT> struct alignas(ALIGNMENT) Bytes { // a parameter that is passed by value
	char bytes[SIZE];
};

// Arithmetic.
template <class T> inline T shift_left(T x, uint32_t by) {
	return by >= sizeof(T) * 8 ? 0 : static_cast<T>(static_cast<std::make_unsigned_t<T>>(x) << by);
}
template <class T> inline T shift_right(T x, uint32_t by) {
	return static_cast<T>(
		x >> std::min<uint32_t>(by, sizeof(T) * 8 - 1) >> (by >= sizeof(T) * 8 && std::is_unsigned_v<T>));
}
template <class Wide, class T> inline Wide multiply_wide(T a, T b) {
	return static_cast<Wide>(a) * static_cast<Wide>(b);
}
inline uint32_t multiply_high(uint32_t a, uint32_t b) { return (uint32_t)((uint64_t)a * b >> 32); }
inline int32_t multiply_high(int32_t a, int32_t b) { return (int32_t)((int64_t)a * b >> 32); }
inline uint64_t multiply_high(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }
inline int64_t multiply_high(int64_t a, int64_t b) { return (int64_t)((__int128)a * b >> 64); }
// extract_bits takes `count` bits from bit `from` on, with their sign if the type has one.
template <class T> inline T extract_bits(T x, uint32_t from, uint32_t count) {
	const uint32_t bits = sizeof(T) * 8;
	from &= 255, count &= 255;
	if (count == 0) return 0;
	if (from >= bits) return shift_right(x, bits);
	count = std::min(count, bits - from);
	return shift_right(shift_left(x, bits - from - count), bits - count);
}
inline uint32_t reverse_bits(uint32_t x) {
	uint32_t reversed = 0;
	for (int i = 0; i < 32; i++) reversed |= (x >> i & 1) << (31 - i);
	return reversed;
}
inline uint32_t count_leading(uint32_t x) { return x ? (uint32_t)__builtin_clz(x) : 32; }
inline uint32_t count_leading(uint64_t x) { return x ? (uint32_t)__builtin_clzll(x) : 64; }
inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <class T> inline bool unordered(T a, T b) { return a != a || b != b; }

// to_integer converts a whole number; what is out of range becomes the nearest integer, NaN becomes 0.
template <class T, class F> inline T to_integer(F x) {
	if (x != x) return 0;
	const F least = static_cast<F>(std::numeric_limits<T>::min());
	const F beyond = std::ldexp(F(1), std::numeric_limits<T>::digits);
	if (x < least) return std::numeric_limits<T>::min();
	return x >= beyond ? std::numeric_limits<T>::max() : static_cast<T>(x);
}

// copy_size is of cp.async: all of the 16 bytes are read, or none.
inline bool copy_size(uint32_t size) {
	if (size != 0 && size != 16) fail("cp.async: a part of 16 bytes is not modelled");
	return size == 16;
}

inline uint32_t shuffle32(const char *site, WarpAct act, uint32_t mask, uint32_t value, int32_t argument, int width) {
	return vgpu::shuffle<uint32_t>(site, act, mask, value, argument, width);
}

} // namespace vgpu::ptx
