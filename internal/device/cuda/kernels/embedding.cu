// Sums of rows of tables, and the gradient of a table.
#include "elements.h"

template <class T> DEVFN void embedding(
	T *y, const float *const (&tables)[4], const int *const (&ids)[4], int tokens, int width, float scale) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(tokens, width);
	if (!c.left) return;
	bool together = width % N == 0 && all_aligned(y, tables[0], tables[1], tables[2], tables[3]);
	each_group<N>(c.left, together, [&](auto count, int j) {
		auto sum = all_of<count.n>(0);
#pragma unroll
		for (int i = 0; i < 4; i++) {
			if (!tables[i]) break;
			auto f = loaded<count.n>(tables[i] + (size_t)ids[i][c.row] * width + c.column + j);
			for (int k = 0; k < count.n; k++) sum.at[k] = i == 0 ? scale * f.at[k] : sum.at[k] + f.at[k];
		}
		store(y + c.at + j, sum);
	});
}

// y[t] = scale table0[ids0[t]] + table1[ids1[t]] + …, up to the first table that is null. y [tokens, width];
// tables [rows, width]; ids [tokens]. Grid: ⌈tokens·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, embedding_float, float *y, const float *table0, const float *table1, const float *table2,
	const float *table3, const int *ids0, const int *ids1, const int *ids2, const int *ids3, int tokens, int width,
	float scale) {
	const float *const tables[4] = {table0, table1, table2, table3};
	const int *const ids[4] = {ids0, ids1, ids2, ids3};
	embedding(y, tables, ids, tokens, width, scale);
}

// As embedding_float, and the tables are float32 too. Grid: ⌈tokens·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, embedding_bf16, bf16 *y, const float *table0, const float *table1, const float *table2,
	const float *table3, const int *ids0, const int *ids1, const int *ids2, const int *ids3, int tokens, int width,
	float scale) {
	const float *const tables[4] = {table0, table1, table2, table3};
	const int *const ids[4] = {ids0, ids1, ids2, ids3};
	embedding(y, tables, ids, tokens, width, scale);
}

// The tokens that share an id are added in their order, in pieces, and then the pieces: see EmbeddingOrder.

template <class T> DEVFN void embedding_partials(
	float *partials, const T *dy, const int *tokens, const int *pieces, int count, int width, float scale) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(count, width);
	if (!c.left) return;
	int first = pieces[c.row], last = pieces[c.row + 1];
	each_group<N>(c.left, width % N == 0 && all_aligned(partials, dy), [&](auto number, int j) {
		auto sum = all_of<number.n>(0);
#pragma unroll 4
		for (int i = first; i < last; i++) {
			auto f = loaded<number.n>(dy + (size_t)tokens[i] * width + c.column + j);
			for (int k = 0; k < number.n; k++) sum.at[k] += scale * f.at[k];
		}
		store(partials + c.at + j, sum);
	});
}

// The first stage of the gradient of a table: partials[p] = Σ scale dy[tokens[i]] over the entries of piece p.
// partials [count, width]; dy [·, width]; tokens and pieces [count+1] from EmbeddingOrder. Grid: ⌈count·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, embedding_partials_float, float *partials, const float *dy, const int *tokens, const int *pieces,
	int count, int width, float scale) {
	embedding_partials(partials, dy, tokens, pieces, count, width, scale);
}

// As embedding_partials_float. Grid: ⌈count·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, embedding_partials_bf16, float *partials, const bf16 *dy, const int *tokens, const int *pieces,
	int count, int width, float scale) {
	embedding_partials(partials, dy, tokens, pieces, count, width, scale);
}

// The second stage: dtable[ids[i]] = Σ partials[p] over the pieces of id i, or += it; other rows keep what they have,
// so without accumulate fill them with zeros before. dtable [rows, width]; partials [pieces, width]; lists [count+1]
// and ids [count] from EmbeddingOrder. Grid: ⌈count·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, embedding_sums, float *dtable, const float *partials, const int *lists, const int *ids, int count,
	int width, int accumulate) {
	Cell c = cell_of(count, width);
	if (!c.left) return;
	Four sum = all_four(0);
#pragma unroll 4
	for (int p = lists[c.row]; p < lists[c.row + 1]; p++) {
		Four f = read4(partials + (size_t)p * width + c.column, c.left);
		for (int j = 0; j < 4; j++) sum.at[j] += f.at[j];
	}
	put4(dtable + (size_t)ids[c.row] * width + c.column, sum, c.left, accumulate);
}
