// How threads share out the elements of a buffer: four neighbouring ones each, in memory of any type, computed in
// float32.
#pragma once
#include "device.h"

const int THREADS = 256; // of a block, unless a kernel says otherwise

// Four neighbouring elements.
struct Four {
	float at[4];
};

DEVFN Four all_four(float x) {
	Four f;
	for (int j = 0; j < 4; j++) f.at[j] = x;
	return f;
}

DEVFN bool aligned(const void *p) { return ((size_t)p & 15) == 0; }

// load4 and store4 need aligned memory.
DEVFN Four load4(const float *p) {
	Vector4 v = *vector4_at(p);
	Four f;
	for (int j = 0; j < 4; j++) f.at[j] = v[j];
	return f;
}
DEVFN void store4(float *p, const Four &f) {
	Vector4 v = {f.at[0], f.at[1], f.at[2], f.at[3]};
	*vector4_at(p) = v;
}

// read4 reads the first `left` of four elements; others are 0.
DEVFN Four read4(const float *p, int left) {
	if (left >= 4 && aligned(p)) return load4(p);
	Four f;
	for (int j = 0; j < 4; j++) f.at[j] = j < left ? p[j] : 0;
	return f;
}

// write4 writes the first `left` of four elements.
DEVFN void write4(float *p, const Four &f, int left) {
	if (left >= 4 && aligned(p)) return store4(p, f);
	for (int j = 0; j < 4; j++)
		if (j < left) p[j] = f.at[j];
}

// next takes the first of four elements off and puts one at the end. A loop of four turns replaces all of them, and
// code that is long stands there once.
DEVFN void next(Four &f, float last) { f.at[0] = f.at[1], f.at[1] = f.at[2], f.at[2] = f.at[3], f.at[3] = last; }

// put4 writes four elements, or adds them to what is there.
template <class T> DEVFN void put4(T *p, Four f, int left, int accumulate) {
	if (accumulate) {
		Four old = read4(p, left);
		for (int j = 0; j < 4; j++) f.at[j] = old.at[j] + f.at[j];
	}
	write4(p, f, left);
}

// Span is a thread's part of a flat buffer.
struct Span {
	size_t at;
	int left; // elements from there on, at most 4; 0 past the end
};

// span_of is for a grid of ⌈n/1024⌉ blocks.
DEVFN Span span_of(size_t n) {
	Span s;
	s.at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * 4;
	s.left = s.at >= n ? 0 : n - s.at < 4 ? (int)(n - s.at) : 4;
	return s;
}

// Cell is a thread's part of a matrix.
struct Cell {
	size_t at;
	int row, column;
	int left; // columns from there on, at most 4; 0 past the end
};

// cell_of is for a grid of ⌈rows·⌈width/4⌉/256⌉ blocks.
DEVFN Cell cell_of(int rows, int width) {
	unsigned groups = (unsigned)(width + 3) / 4, group = blockIdx.x * THREADS + threadIdx.x;
	Cell c;
	c.row = (int)(group / groups), c.column = (int)(group % groups) * 4;
	c.at = (size_t)c.row * width + c.column;
	c.left = c.row < rows ? smaller(width - c.column, 4) : 0;
	return c;
}
