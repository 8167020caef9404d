// Operations that compute each element on its own, for activations of a type: what their kernels share.
#pragma once
#include "column_sums.h"
#include "dropout.h"

template <class T> DEVFN void fill(T *y, float value, size_t n) {
	Span s = span_of<GROUP<T>>(n);
	if (s.left) write(y + s.at, all_of<GROUP<T>>(value), s.left);
}

// copy takes N elements a thread.
template <int N, class To, class From> DEVFN void copy(To *y, const From *x, size_t n, float factor, int accumulate) {
	Span s = span_of<N>(n);
	if (!s.left) return;
	Elements<N> f = read<N>(x + s.at, s.left);
	for (int j = 0; j < N; j++) f.at[j] = factor * f.at[j];
	put(y + s.at, f, s.left, accumulate);
}

template <class T> DEVFN void add(T *y, const T *a, const T *b, size_t n) {
	const int N = GROUP<T>;
	Span s = span_of<N>(n);
	if (!s.left) return;
	Elements<N> f = read<N>(a + s.at, s.left), g = read<N>(b + s.at, s.left);
	for (int j = 0; j < N; j++) f.at[j] += g.at[j];
	write(y + s.at, f, s.left);
}

template <class T> DEVFN void dropout(
	T *y, const T *x, const T *residual, const int *rows, int count, int width, const Dropout &d, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(count, width);
	if (!c.left) return;
	Elements<N> f = read<N>(x + c.at, c.left);
	uint64_t row = dropout_row(d, rows, c.row);
	for (int j = 0; j < N; j++) f.at[j] = dropped(d, row, c.column + j, f.at[j]);
	if (residual) {
		Elements<N> r = read<N>(residual + c.at, c.left);
		for (int j = 0; j < N; j++) f.at[j] += r.at[j];
	}
	put(y + c.at, f, c.left, accumulate);
}

template <class T>
DEVFN void columns(T *y, const T *x, int rows, int width, int from, int count, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(rows, count);
	if (c.left) put(y + c.at, read<N>(x + (size_t)c.row * width + from + c.column, c.left), c.left, accumulate);
}

template <class T> DEVFN void widen(T *y, const T *x, int rows, int width, int from, int count, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(rows, width);
	if (!c.left) return;
	Elements<N> f;
	for (int j = 0; j < N; j++) {
		int column = c.column + j - from;
		f.at[j] = column >= 0 && column < count ? load_element(x + (size_t)c.row * count + column) : 0;
	}
	put(y + c.at, f, c.left, accumulate);
}
