// What callers describe a product with. The library hides what is in them.
#pragma once

#include "cublaslt_api.h"

constexpr uint64_t ALIVE = 0x76677075; // the mark of one that was not destroyed

struct cublasLtContext {
	uint64_t mark = ALIVE;
	CUcontext context;
};

struct cublasLtMatmulDescOpaque {
	uint64_t mark = ALIVE;
	int32_t compute, scale;
	int32_t pointer_mode = 0;
	int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N, transpose_c = CUBLAS_OP_N;
	int32_t fill_mode = 2; // all of it
	uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
	uint64_t bias = 0;
	int64_t bias_batch_stride = 0;
	uint64_t auxiliary = 0;
	int64_t auxiliary_ld = 0;
	int32_t multiprocessors = 0;
	int32_t bias_type = -1; // that of the result
};

struct cublasLtMatrixLayoutOpaque {
	uint64_t mark = ALIVE;
	uint32_t type;
	int32_t order = CUBLASLT_ORDER_COL;
	uint64_t rows, columns;
	int64_t ld;
	int32_t batch = 1;
	int64_t batch_stride = 0;
};

struct cublasLtMatmulPreferenceOpaque {
	uint64_t mark = ALIVE;
	uint32_t search_mode = 0;
	uint64_t workspace = 0;
	uint32_t reduction_schemes = ~0u;
	uint32_t alignment_a = 256, alignment_b = 256, alignment_c = 256, alignment_d = 256;
	float waves = 0;
};

namespace vgpu {

// usable tells whether a pointer is to an object that was made and not destroyed.
template <class T> bool usable(const T *object) { return object != nullptr && object->mark == ALIVE; }

} // namespace vgpu
