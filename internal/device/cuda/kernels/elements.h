// How threads share out the elements of a buffer: neighbouring ones each, in memory of any type, computed in float32.
#pragma once
#include "device.h"

const int THREADS = 256; // of a block, unless a kernel says otherwise

// GROUP are the elements of 16 bytes, which a thread has of activations: 4 floats, 8 bf16.
template <class T> const int GROUP = 16 / (int)sizeof(T);

// Some neighbouring elements.
template <int N> struct Elements {
	float at[N];
};
typedef Elements<4> Four;

template <int N> DEVFN Elements<N> all_of(float x) {
	Elements<N> e;
	for (int j = 0; j < N; j++) e.at[j] = x;
	return e;
}
DEVFN Four all_four(float x) { return all_of<4>(x); }

// load_element and store_element are for one element.
DEVFN float load_element(const float *p) { return *p; }
DEVFN float load_element(const bf16 *p) { return low_half(p->bits); }
DEVFN void store_element(float *p, float x) { *p = x; }
DEVFN void store_element(bf16 *p, float x) { p->bits = (uint16_t)pack_bf16(x, 0); }

// rounded is x as memory of a type holds it.
DEVFN float rounded(const float *, float x) { return x; }
DEVFN float rounded(const bf16 *, float x) { return low_half(pack_bf16(x, 0)); }

DEVFN void load(Elements<1> &e, const float *p) { e.at[0] = load_element(p); }
DEVFN void load(Elements<1> &e, const bf16 *p) { e.at[0] = load_element(p); }
DEVFN void store(float *p, const Elements<1> &e) { store_element(p, e.at[0]); }
DEVFN void store(bf16 *p, const Elements<1> &e) { store_element(p, e.at[0]); }

// aligned tells whether N elements can be read or written at once, or 16 bytes after 16.
template <int N = 4, class T> DEVFN bool aligned(const T *p) {
	return ((size_t)p & (smaller(16, N * (int)sizeof(T)) - 1)) == 0;
}

// load and store need aligned memory.
DEVFN void load(Elements<4> &e, const float *p) {
	Vector4 v = *vector4_at(p);
	for (int j = 0; j < 4; j++) e.at[j] = v[j];
}
DEVFN void load(Elements<8> &e, const float *p) {
	Vector4 v = *vector4_at(p), w = *vector4_at(p + 4);
	for (int j = 0; j < 4; j++) e.at[j] = v[j], e.at[4 + j] = w[j];
}
DEVFN void load(Elements<4> &e, const bf16 *p) {
	Words2 v = *words2_at(p);
	for (int j = 0; j < 2; j++) e.at[2 * j] = low_half(v[j]), e.at[2 * j + 1] = high_half(v[j]);
}
DEVFN Words4 forgotten(Words4 v) {
	for (int i = 0; i < 4; i++) v[i] = forgotten(v[i]);
	return v;
}
DEVFN Elements<8> unpack(const Words4 &v) {
	Elements<8> e;
	for (int j = 0; j < 4; j++) e.at[2 * j] = low_half(v[j]), e.at[2 * j + 1] = high_half(v[j]);
	return e;
}
DEVFN Words4 pack(const Elements<8> &e) {
	Words4 v = {pack_bf16(e.at[0], e.at[1]), pack_bf16(e.at[2], e.at[3]), pack_bf16(e.at[4], e.at[5]),
		pack_bf16(e.at[6], e.at[7])};
	return v;
}
DEVFN void load(Elements<8> &e, const bf16 *p) { e = unpack(*words4_at(p)); }
DEVFN void store(float *p, const Elements<4> &e) {
	Vector4 v = {e.at[0], e.at[1], e.at[2], e.at[3]};
	*vector4_at(p) = v;
}
DEVFN void store(float *p, const Elements<8> &e) {
	Vector4 v = {e.at[0], e.at[1], e.at[2], e.at[3]}, w = {e.at[4], e.at[5], e.at[6], e.at[7]};
	*vector4_at(p) = v, *vector4_at(p + 4) = w;
}
DEVFN void store(bf16 *p, const Elements<4> &e) {
	Words2 v = {pack_bf16(e.at[0], e.at[1]), pack_bf16(e.at[2], e.at[3])};
	*words2_at(p) = v;
}
DEVFN void store(bf16 *p, const Elements<8> &e) { *words4_at(p) = pack(e); }
template <int N, class T> DEVFN Elements<N> loaded(const T *p) {
	Elements<N> e;
	load(e, p);
	return e;
}

// packed is what loaded unpacks: it takes fewer registers to keep.
template <int N> DEVFN Elements<N> packed(const float *p) { return loaded<N>(p); }
template <int N> DEVFN auto packed(const bf16 *p) {
	if constexpr (N == 8) return *words4_at(p);
	else return loaded<N>(p);
}
template <int N> DEVFN Elements<N> unpack(const Elements<N> &e) { return e; }

DEVFN Four load4(const float *p) {
	Four f;
	load(f, p);
	return f;
}
DEVFN void store4(float *p, const Four &f) { store(p, f); }

// read reads the first `left` of N elements; others are 0.
template <int N, class T> DEVFN Elements<N> read(const T *p, int left) {
	Elements<N> e;
	if (left >= N && aligned<N>(p)) {
		load(e, p);
		return e;
	}
	for (int j = 0; j < N; j++) e.at[j] = j < left ? load_element(p + j) : 0;
	return e;
}
template <class T> DEVFN Four read4(const T *p, int left) { return read<4>(p, left); }

// write writes the first `left` of some elements.
template <int N, class T> DEVFN void write(T *p, const Elements<N> &e, int left) {
	if (left >= N && aligned<N>(p)) return store(p, e);
	for (int j = 0; j < N; j++)
		if (j < left) store_element(p + j, e.at[j]);
}
template <class T> DEVFN void write4(T *p, const Four &f, int left) { write(p, f, left); }

// next takes the first of four elements off and puts one at the end. A loop of four turns replaces all of them, and
// code that is long stands there once.
DEVFN void next(Four &f, float last) { f.at[0] = f.at[1], f.at[1] = f.at[2], f.at[2] = f.at[3], f.at[3] = last; }

// put writes some elements, or adds them to what is there.
template <int N, class T> DEVFN void put(T *p, Elements<N> e, int left, int accumulate) {
	if (accumulate) {
		Elements<N> old = read<N>(p, left);
		for (int j = 0; j < N; j++) e.at[j] = old.at[j] + e.at[j];
	}
	write(p, e, left);
}
template <class T> DEVFN void put4(T *p, const Four &f, int left, int accumulate) { put(p, f, left, accumulate); }

// put_aligned is put of all elements to aligned memory.
template <int N, class T> DEVFN void put_aligned(T *p, Elements<N> e, int accumulate) {
	if (accumulate) {
		Elements<N> old;
		load(old, p);
		for (int j = 0; j < N; j++) e.at[j] = old.at[j] + e.at[j];
	}
	store(p, e);
}

template <int N> struct Count {
	static const int n = N;
};

// each_group calls f(Count<N>(), 0) for N elements that can be read and written at once, or else f(Count<1>(), j) for each of
// the first `left`.
template <int N, class F> DEVFN void each_group(int left, bool together, const F &f) {
	if (left == N && together) return f(Count<N>(), 0);
#pragma unroll 1
	for (int j = 0; j < left; j++) f(Count<1>(), j);
}

// all_aligned tells whether buffers, some of which may be null, begin at multiples of 16 bytes.
DEVFN bool all_aligned(const void *a, const void *b = 0, const void *c = 0, const void *d = 0, const void *e = 0) {
	return (((size_t)a | (size_t)b | (size_t)c | (size_t)d | (size_t)e) & 15) == 0;
}

// Span is a thread's part of a flat buffer.
struct Span {
	size_t at;
	int left; // elements from there on, at most N; 0 past the end
};

// span_of is for a grid of ⌈n/(256·N)⌉ blocks.
template <int N = 4> DEVFN Span span_of(size_t n) {
	Span s;
	s.at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * N;
	s.left = s.at >= n ? 0 : n - s.at < N ? (int)(n - s.at) : N;
	return s;
}

// add_threads is the sum of x over the threads of a block, in pairs. All threads call it, thread 0 gets the sum.
DEVFN double add_threads(double x, double (&shared)[THREADS]) {
	shared[threadIdx.x] = x;
	for (int half = THREADS / 2; half > 0; half /= 2) {
		__syncthreads();
		if ((int)threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
	}
	return shared[0];
}

// Cell is a thread's part of a matrix.
struct Cell {
	size_t at;
	int row, column;
	int left; // columns from there on, at most N; 0 past the end
};

// cell_of is for a grid of ⌈rows·⌈width/N⌉/256⌉ blocks.
template <int N = 4> DEVFN Cell cell_of(int rows, int width) {
	unsigned groups = (unsigned)(width + N - 1) / N, group = blockIdx.x * THREADS + threadIdx.x;
	Cell c;
	c.row = (int)(group / groups), c.column = (int)(group % groups) * N;
	c.at = (size_t)c.row * width + c.column;
	c.left = c.row < rows ? smaller(width - c.column, N) : 0;
	return c;
}
