// cuBLASLt's stand-in against sums in float64, and what it refuses.
#include <cmath>
#include <random>

#include "../cublaslt/cublaslt_api.h"
#include "gpu.h"

using namespace test;

namespace {

uint16_t to_bf16(float x) {
	uint32_t bits;
	memcpy(&bits, &x, 4);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float from_bf16(uint16_t x) {
	uint32_t bits = (uint32_t)x << 16;
	float y;
	memcpy(&y, &bits, 4);
	return y;
}

// Values are numbers as a type holds them.
std::vector<char> encode(const std::vector<float> &x, int type) {
	std::vector<char> bytes(x.size() * (type == CUDA_R_16BF ? 2 : 4));
	for (size_t i = 0; i < x.size(); i++) {
		uint16_t half = to_bf16(x[i]);
		if (type == CUDA_R_16BF)
			memcpy(&bytes[2 * i], &half, 2);
		else
			memcpy(&bytes[4 * i], &x[i], 4);
	}
	return bytes;
}
std::vector<float> decode(const std::vector<char> &bytes, int type) {
	std::vector<float> x(bytes.size() / (type == CUDA_R_16BF ? 2 : 4));
	for (size_t i = 0; i < x.size(); i++) {
		uint16_t half;
		if (type == CUDA_R_16BF)
			memcpy(&half, &bytes[2 * i], 2), x[i] = from_bf16(half);
		else
			memcpy(&x[i], &bytes[4 * i], 4);
	}
	return x;
}

struct Case {
	int64_t m, n, k;
	bool transpose_a, transpose_b;
	int factors, result;
	float beta;
	unsigned epilogue;
	int gap; // between columns
};

// Lt is a product with all its descriptors.
struct Lt {
	Gpu gpu;
	Case c;
	cublasLtHandle_t handle;
	cublasLtMatmulDesc_t description;
	cublasLtMatrixLayout_t layout_a, layout_b, layout_d;
	cublasLtMatmulHeuristicResult_t chosen;
	cublasStatus_t choice;
	CUdeviceptr workspace;
	int64_t ld_a, ld_b, ld_d;
	std::vector<float> a, b, d, bias;
	CUdeviceptr at_a, at_b, at_d, at_bias;

	static std::vector<float> numbers(size_t count, int type, std::mt19937 &random) {
		std::vector<float> x(count);
		std::uniform_real_distribution<float> uniform(-1, 1);
		for (float &v : x) v = uniform(random);
		return decode(encode(x, type), type);
	}

	explicit Lt(const Case &c) : c(c) {
		std::mt19937 random(7);
		ld_a = (c.transpose_a ? c.k : c.m) + c.gap, ld_b = (c.transpose_b ? c.n : c.k) + c.gap, ld_d = c.m + c.gap;
		int64_t columns_a = c.transpose_a ? c.m : c.k, columns_b = c.transpose_b ? c.k : c.n;
		a = numbers(ld_a * columns_a, c.factors, random), b = numbers(ld_b * columns_b, c.factors, random);
		d = numbers(ld_d * c.n, c.result, random), bias = numbers(std::max(c.m, c.n), c.result, random);
		at_a = upload(encode(a, c.factors)), at_b = upload(encode(b, c.factors));
		at_d = upload(encode(d, c.result)), at_bias = upload(encode(bias, c.result));
		workspace = allocate(1 << 20);
		OK(cublasLtCreate(&handle));
		OK(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F));
		int transpose_a = c.transpose_a, transpose_b = c.transpose_b;
		set(CUBLASLT_MATMUL_DESC_TRANSA, transpose_a);
		set(CUBLASLT_MATMUL_DESC_TRANSB, transpose_b);
		set(CUBLASLT_MATMUL_DESC_EPILOGUE, c.epilogue);
		set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, at_bias);
		OK(cublasLtMatrixLayoutCreate(&layout_a, c.factors, c.transpose_a ? c.k : c.m, columns_a, ld_a));
		OK(cublasLtMatrixLayoutCreate(&layout_b, c.factors, c.transpose_b ? c.n : c.k, columns_b, ld_b));
		OK(cublasLtMatrixLayoutCreate(&layout_d, c.result, c.m, c.n, ld_d));
		cublasLtMatmulPreference_t preference;
		OK(cublasLtMatmulPreferenceCreate(&preference));
		uint64_t bytes = 1 << 20;
		OK(cublasLtMatmulPreferenceSetAttribute(
			preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes));
		int found = 0;
		choice = cublasLtMatmulAlgoGetHeuristic(
			handle, description, layout_a, layout_b, layout_d, layout_d, preference, 1, &chosen, &found);
		EQUAL(found, choice == 0);
	}

	template <class T> void set(int attribute, T value) {
		OK(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof value));
	}

	cublasStatus_t multiply() { return multiply(at_a, at_b, at_d, 1 << 20); }
	cublasStatus_t multiply(CUdeviceptr a, CUdeviceptr b, CUdeviceptr d, size_t workspace_bytes) {
		float one = 1;
		return cublasLtMatmul(handle, description, &one, (void *)a, layout_a, (void *)b, layout_b, &c.beta, (void *)d,
			layout_d, (void *)d, layout_d, &chosen.algo, (void *)workspace, workspace_bytes, gpu.stream);
	}

	double element_a(int64_t i, int64_t k) const { return a[c.transpose_a ? k + i * ld_a : i + k * ld_a]; }
	double element_b(int64_t k, int64_t j) const { return b[c.transpose_b ? j + k * ld_b : k + j * ld_b]; }
};

void compare(const Case &c) {
	Lt lt(c);
	OK(lt.choice);
	OK(lt.multiply());
	OK(lt.gpu.wait());
	std::vector<float> got = decode(download<char>(lt.at_d, encode(lt.d, c.result).size()), c.result);
	std::vector<float> bias = decode(download<char>(lt.at_bias, encode(lt.bias, c.result).size()), c.result);
	double limit = c.result == CUDA_R_16BF ? 1.0 / 256 : 1e-6;
	for (int64_t j = 0; j < c.n; j++) {
		for (int64_t i = 0; i < lt.ld_d; i++) {
			int64_t at = i + j * lt.ld_d;
			if (i >= c.m) {
				EQUAL(got[at], lt.d[at]); // between columns nothing changes
				continue;
			}
			double want = c.beta * (double)lt.d[at], size = std::abs(want);
			for (int64_t k = 0; k < c.k; k++) want += lt.element_a(i, k) * lt.element_b(k, j), size += 1;
			if (c.epilogue == CUBLASLT_EPILOGUE_BIAS) want += lt.bias[i];
			CHECK(std::abs(got[at] - want) <= limit * (c.result == CUDA_R_16BF ? std::abs(want) + 0.01 : size));
		}
	}
	if (c.epilogue != CUBLASLT_EPILOGUE_BGRADB && c.epilogue != CUBLASLT_EPILOGUE_BGRADA) return;
	bool of_b = c.epilogue == CUBLASLT_EPILOGUE_BGRADB;
	for (int64_t j = 0; j < (of_b ? c.n : c.m); j++) {
		double want = 0;
		for (int64_t k = 0; k < c.k; k++) want += of_b ? lt.element_b(k, j) : lt.element_a(j, k);
		CHECK(std::abs(bias[j] - want) <= limit * (double)c.k);
	}
}

const int F32 = CUDA_R_32F, BF16 = CUDA_R_16BF;

} // namespace

TEST(products) {
	for (int turns = 0; turns < 4; turns++) {
		compare({70, 33, 130, (turns & 1) != 0, (turns & 2) != 0, F32, F32, 0, CUBLASLT_EPILOGUE_DEFAULT, 0});
		compare({64, 5, 1, (turns & 1) != 0, (turns & 2) != 0, BF16, F32, 1, CUBLASLT_EPILOGUE_DEFAULT, 8});
		compare({1, 100, 40, (turns & 1) != 0, (turns & 2) != 0, BF16, BF16, 0.5, CUBLASLT_EPILOGUE_DEFAULT, 3});
	}
}
TEST(epilogues) {
	compare({70, 33, 130, true, false, F32, F32, 0, CUBLASLT_EPILOGUE_BIAS, 2});
	compare({70, 33, 130, true, false, BF16, BF16, 0, CUBLASLT_EPILOGUE_BIAS, 0});
	compare({40, 70, 50, false, true, F32, F32, 0, CUBLASLT_EPILOGUE_BGRADB, 1});
	compare({40, 70, 50, false, false, BF16, F32, 0, CUBLASLT_EPILOGUE_BGRADB, 0});
	compare({40, 70, 50, true, true, F32, F32, 0, CUBLASLT_EPILOGUE_BGRADA, 0});
}

// Nothing is read of a result that is not added to: it is NaN here.
TEST(beta_of_zero_reads_nothing) {
	Lt lt({8, 8, 8, false, false, F32, F32, 0, CUBLASLT_EPILOGUE_DEFAULT, 0});
	lt.at_d = allocate(256);
	OK(lt.multiply());
	OK(lt.gpu.wait());
	for (float x : download<float>(lt.at_d, 64)) CHECK(!std::isnan(x));
}

TEST(descriptors_are_copied) {
	Lt lt({70, 33, 130, false, false, F32, F32, 0, CUBLASLT_EPILOGUE_BIAS, 0});
	CUdeviceptr out = allocate(4);
	OK(lt.gpu.launch("spin", 1, 32, 0, out, 1000000));
	OK(lt.multiply());
	uint64_t rows = 3;
	OK(cublasLtMatrixLayoutSetAttribute(lt.layout_a, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows));
	lt.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, (CUdeviceptr)8);
	EQUAL(cuStreamQuery(lt.gpu.stream), CUDA_ERROR_NOT_READY);
	OK(lt.gpu.wait());
	double want = lt.bias[5];
	for (int k = 0; k < 130; k++) want += lt.element_a(5, k) * lt.element_b(k, 32);
	CHECK(std::abs(download<float>(lt.at_d, 70 * 33)[5 + 70 * 32] - want) < 1e-4);
}

TEST(attributes_have_sizes) {
	Gpu gpu;
	cublasLtMatmulDesc_t description;
	OK(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F));
	int64_t wide = 1;
	EQUAL(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_TRANSA, &wide, 8),
		CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &wide, 4),
		CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(cublasLtMatmulDescSetAttribute(description, 99, &wide, 8), CUBLAS_STATUS_INVALID_VALUE);
	OK(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &wide, 8));
	OK(cublasLtMatmulDescDestroy(description));
	EQUAL(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &wide, 8),
		CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(cublasLtMatmulDescDestroy(description), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(operands_are_checked) {
	const Case c = {64, 32, 16, true, false, F32, F32, 0, CUBLASLT_EPILOGUE_BIAS, 0};
	Lt lt(c);
	CUdeviceptr small = allocate(64 * 16 * 4 - 4), inside = allocate(64 * 32 * 4 + 4);
	EQUAL(lt.multiply(small, lt.at_b, lt.at_d, 1 << 20), CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(lt.multiply(lt.at_a, small + 512 * 4, lt.at_d, 1 << 20), CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(lt.multiply(lt.at_a, lt.at_b, small, 1 << 20), CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(lt.multiply(lt.at_a, lt.at_b, inside + 4, 1 << 20), CUBLAS_STATUS_INVALID_VALUE); // not aligned
	EQUAL(lt.multiply(lt.at_a, lt.at_b, lt.at_d, 100), CUBLAS_STATUS_INVALID_VALUE);
	EQUAL(lt.multiply(lt.at_a, lt.at_d, lt.at_d, 1 << 20), CUBLAS_STATUS_INVALID_VALUE);
	CUdeviceptr bias = allocate(63 * 4);
	lt.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
	EQUAL(lt.multiply(), CUBLAS_STATUS_INVALID_VALUE);
	lt.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, lt.at_bias);
	OK(lt.multiply());
	lt.set(CUBLASLT_MATMUL_DESC_TRANSA, (int)CUBLAS_OP_N);
	EQUAL(lt.multiply(), CUBLAS_STATUS_INVALID_VALUE); // the sizes do not fit
	lt.set(CUBLASLT_MATMUL_DESC_TRANSA, (int)CUBLAS_OP_T);
	lt.set(CUBLASLT_MATMUL_DESC_EPILOGUE, (unsigned)CUBLASLT_EPILOGUE_DEFAULT);
	EQUAL(lt.multiply(), CUBLAS_STATUS_INVALID_VALUE); // the algorithm was chosen for a bias
	OK(lt.gpu.wait());
}

TEST(what_is_missing_is_said) {
	Lt lt({8, 8, 8, false, false, F32, BF16, 0, CUBLASLT_EPILOGUE_DEFAULT, 0});
	EQUAL(lt.choice, CUBLAS_STATUS_NOT_SUPPORTED);
	CHECK(strcmp(cublasLtGetStatusName(lt.choice), "CUBLAS_STATUS_NOT_SUPPORTED") == 0);
	CHECK(cublasLtGetVersion() >= 120000);
}

TEST(faults_of_products) {
	variable("VGPU_FAIL", "product:2");
	Lt lt({8, 8, 8, false, false, F32, F32, 0, CUBLASLT_EPILOGUE_DEFAULT, 0});
	OK(lt.multiply());
	EQUAL(lt.multiply(), CUBLAS_STATUS_EXECUTION_FAILED);
	OK(lt.multiply());
}

int main(int count, char **arguments) { return test::run(count, arguments); }
