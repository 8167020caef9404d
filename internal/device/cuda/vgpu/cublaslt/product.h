// A product of matrices: d = alpha op(a) op(b) + beta c, and what the epilogue adds.
#pragma once

#include <cstdint>

#include "cublaslt_api.h"

namespace vgpu {

// Matrix is column-major: element (row, column) is at row + column * ld.
struct Matrix {
	uint64_t address = 0;
	int type = CUDA_R_32F;
	uint64_t rows = 0, columns = 0;
	int64_t ld = 0;
};

// Product is all that one needs, copied when it is queued.
struct Product {
	Matrix a, b, c, d;
	bool transpose_a = false, transpose_b = false;
	bool tf32 = false; // factors are rounded to 11 bits
	uint64_t m = 0, n = 0, k = 0;
	float alpha = 1, beta = 0;
	uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
	uint64_t bias = 0;
	int bias_type = CUDA_R_32F;
	uint64_t workspace = 0, workspace_bytes = 0;
};

inline unsigned size_of(int type) { return type == CUDA_R_16BF ? 2 : 4; }

// multiply computes a product. Each sum goes in order of k, in float32 with fused steps, and is rounded once.
void multiply(const Product &product);

} // namespace vgpu
