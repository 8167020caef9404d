// Operations that compute each element on its own, for activations of a type: what their kernels share.
#pragma once
#include "column_sums.h"
#include "dropout.h"

// copy takes N elements a thread.
template <int N, class To, class From> DEVFN void copy(To *y, const From *x, size_t n, float factor, int accumulate) {
	Span s = span_of<N>(n);
	each_group<N>(s.left, all_aligned(y, x), [&](auto count, int j) {
		auto f = loaded<count.n>(x + s.at + j);
		for (int i = 0; i < count.n; i++) f.at[i] = factor * f.at[i];
		put_aligned(y + s.at + j, f, accumulate);
	});
}

template <class T> DEVFN void add(T *y, const T *a, const T *b, size_t n) {
	Span s = span_of<GROUP<T>>(n);
	each_group<GROUP<T>>(s.left, all_aligned(y, a, b), [&](auto count, int j) {
		auto f = loaded<count.n>(a + s.at + j), g = loaded<count.n>(b + s.at + j);
		for (int i = 0; i < count.n; i++) f.at[i] += g.at[i];
		store(y + s.at + j, f);
	});
}

template <class T> DEVFN void dropout(
	T *y, const T *x, const T *residual, const int *rows, int count, int width, const Dropout &d, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(count, width);
	if (!c.left) return;
	uint64_t row = dropout_row(d, rows, c.row);
	each_group<N>(c.left, width % N == 0 && all_aligned(y, x, residual), [&](auto count, int j) {
		auto f = loaded<count.n>(x + c.at + j), r = all_of<count.n>(0);
		if (residual) load(r, residual + c.at + j);
		for (int i = 0; i < count.n; i++) f.at[i] = dropped(d, row, c.column + j + i, f.at[i]);
		if (residual)
			for (int i = 0; i < count.n; i++) f.at[i] += r.at[i];
		put_aligned(y + c.at + j, f, accumulate);
	});
}

template <class T> DEVFN void columns(T *y, const T *x, int rows, int width, int from, int count, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(rows, count);
	x += (size_t)c.row * width + from + c.column;
	each_group<N>(c.left, width % N == 0 && from % N == 0 && count % N == 0 && all_aligned(y, x), [&](auto count, int j) {
		put_aligned(y + c.at + j, loaded<count.n>(x + j), accumulate);
	});
}

template <class T> DEVFN void widen(T *y, const T *x, int rows, int width, int from, int count, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(rows, width);
	int column = c.column - from; // of x
	x += (size_t)c.row * count + column;
	bool together = width % N == 0 && from % N == 0 && count % N == 0;
	each_group<N>(c.left, together && all_aligned(y, x), [&](auto number, int j) {
		auto f = all_of<number.n>(0);
		if (column + j >= 0 && column + j < count) load(f, x + j);
		put_aligned(y + c.at + j, f, accumulate);
	});
}
