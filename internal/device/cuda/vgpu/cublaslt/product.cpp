#include "product.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "vgpu_tensor.h"
#include "workers.h"

namespace vgpu {

namespace {

float element(uint64_t address, int type, uint64_t i) {
	if (type == CUDA_R_16BF) return bits_as<float>((uint32_t)reinterpret_cast<const uint16_t *>(address)[i] << 16);
	return reinterpret_cast<const float *>(address)[i];
}

void put(uint64_t address, int type, uint64_t i, float x) {
	if (type == CUDA_R_16BF) {
		reinterpret_cast<uint16_t *>(address)[i] = round_bf16(x);
	} else {
		reinterpret_cast<float *>(address)[i] = x;
	}
}

// round_tf32 rounds to a significand of 11 bits.
float round_tf32(float x) {
	uint32_t bits = bits_as<uint32_t>(x);
	if ((bits & 0x7f800000) == 0x7f800000) return x;
	return bits_as<float>((bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu);
}

constexpr uint64_t ROWS = 64, COLUMNS = 4; // of d that are summed at once

// Factor is op(a) or op(b) in float32. Of a, rows of d that are summed at once lie side by side: [⌈m/ROWS⌉, k, ROWS];
// of b, columns: [⌈n/COLUMNS⌉, k, COLUMNS]. What is past the end is zero.
std::vector<float> factor(const Matrix &x, bool by_columns, uint64_t count, uint64_t k, uint64_t group, bool tf32) {
	std::vector<float> packed((count + group - 1) / group * group * k);
	for (uint64_t i = 0; i < count; i++) {
		for (uint64_t j = 0; j < k; j++) {
			float v = element(x.address, x.type, by_columns ? j + i * x.ld : i + j * x.ld);
			packed[(i / group * k + j) * group + i % group] = tf32 ? round_tf32(v) : v;
		}
	}
	return packed;
}

// sum adds up ROWS x COLUMNS elements of d.
void sum(float (&total)[COLUMNS][ROWS], const float *a, const float *b, uint64_t k) {
	memset(total, 0, sizeof total);
	for (uint64_t j = 0; j < k; j++) {
		for (uint64_t column = 0; column < COLUMNS; column++) {
			float factor = b[j * COLUMNS + column];
			for (uint64_t row = 0; row < ROWS; row++) {
				total[column][row] = __builtin_fmaf(a[j * ROWS + row], factor, total[column][row]);
			}
		}
	}
}

// store finishes sums and writes them.
void store(const Product &p, const float (&total)[COLUMNS][ROWS], uint64_t row, uint64_t column) {
	for (uint64_t j = column; j < std::min(column + COLUMNS, p.n); j++) {
		for (uint64_t i = row; i < std::min(row + ROWS, p.m); i++) {
			float x = p.alpha * total[j - column][i - row];
			if (p.beta != 0) x = __builtin_fmaf(p.beta, element(p.c.address, p.c.type, i + j * p.c.ld), x);
			if (p.epilogue == CUBLASLT_EPILOGUE_BIAS) x += element(p.bias, p.bias_type, i);
			put(p.d.address, p.d.type, i + j * p.d.ld, x);
		}
	}
}

// bias_gradient adds up a factor over k: of a for each row of d, of b for each column.
void bias_gradient(const Product &p) {
	bool of_a = p.epilogue == CUBLASLT_EPILOGUE_BGRADA;
	const Matrix &x = of_a ? p.a : p.b;
	bool by_columns = of_a ? p.transpose_a : !p.transpose_b;
	for (uint64_t i = 0; i < (of_a ? p.m : p.n); i++) {
		float total = 0;
		for (uint64_t j = 0; j < p.k; j++)
			total += element(x.address, x.type, by_columns ? j + i * x.ld : i + j * x.ld);
		put(p.bias, p.bias_type, i, total);
	}
}

} // namespace

void multiply(const Product &p) {
	// The algorithm leaves garbage in its workspace.
	if (p.workspace_bytes > 0) memset(reinterpret_cast<void *>(p.workspace), 0xff, p.workspace_bytes);
	std::vector<float> a = factor(p.a, p.transpose_a, p.m, p.k, ROWS, p.tf32);
	std::vector<float> b = factor(p.b, !p.transpose_b, p.n, p.k, COLUMNS, p.tf32);
	Workers::instance().run((p.m + ROWS - 1) / ROWS, [&](size_t group) {
		float total[COLUMNS][ROWS];
		uint64_t row = group * ROWS;
		for (uint64_t column = 0; column < p.n; column += COLUMNS) {
			sum(total, &a[row * p.k], &b[column * p.k], p.k);
			store(p, total, row, column);
		}
		return true;
	});
	if (p.epilogue == CUBLASLT_EPILOGUE_BGRADA || p.epilogue == CUBLASLT_EPILOGUE_BGRADB) bias_gradient(p);
}

} // namespace vgpu
