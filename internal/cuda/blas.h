// The part of cuBLASLt that products need. The library is opened at run time; names and values are its own.
#ifndef BLAS_H
#define BLAS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t data[8];
} algorithm;

// The functions of an open library. Matrices are column-major. Every function returns a status, 0 for success.
struct blas {
	size_t (*version)(void);
	const char *(*status_name)(int);
	int (*create)(void **handle);
	int (*destroy)(void *handle);
	int (*description_create)(void **description, int compute, int scale);
	int (*description_destroy)(void *description);
	int (*description_set)(void *description, int attribute, const void *value, size_t size);
	int (*layout_create)(void **layout, int type, uint64_t rows, uint64_t columns, int64_t stride);
	int (*layout_destroy)(void *layout);
	int (*layout_set)(void *layout, int attribute, const void *value, size_t size);
	int (*preference_create)(void **preference);
	int (*preference_destroy)(void *preference);
	int (*preference_set)(void *preference, int attribute, const void *value, size_t size);
	int (*choose)(void *handle, void *description, void *a, void *b, void *c, void *d, void *preference, int wanted,
		void *results, int *found);
	int (*multiply)(void *handle, void *description, const void *alpha, const void *a, void *layout_a, const void *b,
		void *layout_b, const void *beta, const void *c, void *layout_c, void *d, void *layout_d,
		const algorithm *algorithm, void *workspace, size_t workspace_bytes, void *stream);
};

// Looks the functions up. Returns the name of one that the library lacks, or NULL.
const char *blas_find(struct blas *blas, void *library);

size_t blas_version(const struct blas *blas);
const char *blas_status_name(const struct blas *blas, int status);
int blas_create(const struct blas *blas, void **handle);
int blas_destroy(const struct blas *blas, void *handle);

// What tells one class of products from another: d[m, n] = op(a)[m, k] op(b)[k, n] + beta c[m, n] + bias[m].
struct class {
	int64_t m, n, k;
	int64_t stride_a, stride_b, stride_c, stride_d;
	int32_t transpose_a, transpose_b;
	int32_t type_ab, type_cd; // cudaDataType
	int32_t compute;          // cublasComputeType_t
	int32_t bias;             // whether there is one
	uint32_t align_a, align_b, align_c, align_d, align_bias; // bytes that divide the addresses
	int32_t batch;                                           // number of products; the matrices of the next one are
	int64_t next_a, next_b, next_c, next_d;                  // so many elements further
};

// How products of a class are computed.
struct plan {
	struct class class;
	void *description, *a, *b, *c, *d; // c is d if their strides agree
	algorithm algorithm;
};

// What differs between products of a class.
struct operands {
	int64_t m, n, k;
	uint64_t a, b, c, d, bias; // addresses
	float beta;
};

// Describes a class. The algorithm is left to be set. plan_free is due even if this fails.
int plan_make(const struct blas *blas, struct class class, struct plan *plan);

enum { MOST_CHOICES = 8 };

// The algorithms that the library proposes, the one first that it takes for the fastest; at most so many, and none that
// needs more workspace.
int plan_choices(const struct blas *blas, void *handle, const struct plan *plan, size_t workspace_bytes,
	algorithm *algorithms, int wanted, int *found);

void plan_free(const struct blas *blas, struct plan *plan);

// Begins a product in a stream.
int plan_run(const struct blas *blas, void *handle, const struct plan *plan, struct operands o, uint64_t workspace,
	size_t workspace_bytes, void *stream);

#endif
