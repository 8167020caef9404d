// Dropout's counter-based generator, to the bit that of internal/kernel/routine/dropout.go.
#pragma once
#include "device.h"

struct Dropout {
	uint64_t key;
	unsigned threshold; // probability * 2^32; 0 drops nothing
	float scale;        // of what stays
};

// DROPOUT are a kernel's parameters for it, and DROPOUT_OF its arguments.
#define DROPOUT uint64_t key, unsigned threshold, float keep_scale
#define DROPOUT_OF {key, threshold, keep_scale}

DEVFN uint64_t mix64(uint64_t z) {
	z += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

// dropout_row is the part of the hash that the columns of a row share.
DEVFN uint64_t dropout_row(const Dropout &d, uint64_t row) { return mix64(d.key ^ row * 0xd1342543de82ef95ull); }

// dropout_row of the row that rows [tokens] gives the number of; rows is not read if nothing is dropped.
DEVFN uint64_t dropout_row(const Dropout &d, const int *rows, int token) {
	return d.threshold ? dropout_row(d, (uint64_t)rows[token]) : 0;
}

DEVFN bool dropout_keeps(const Dropout &d, uint64_t row_key, unsigned column) {
	unsigned h = (column ^ (unsigned)row_key) * 0x7feb352du;
	return (h ^ h >> 15 ^ (unsigned)(row_key >> 32)) * 0x846ca68bu >= d.threshold;
}

// dropped is dropout of one element.
DEVFN float dropped(const Dropout &d, uint64_t row_key, unsigned column, float x) {
	return dropout_keeps(d, row_key, column) ? x * d.scale : 0.0f;
}
