// The choice of an algorithm, and products.
#include <cstring>
#include <string>

#include "descriptors.h"
#include "device.h"
#include "faults.h"
#include "product.h"
#include "report.h"

using namespace vgpu;

namespace {

constexpr uint64_t WORKSPACE = 64 << 10; // bytes that the one algorithm uses

// Algorithm is what is in a cublasLtMatmulAlgo_t: the class of products that it was chosen for.
struct Algorithm {
	uint64_t mark;
	int32_t compute, type_ab, type_cd;
	uint16_t transpose_a, transpose_b, epilogue, reserved;
	uint16_t alignment_a, alignment_b, alignment_c, alignment_d;
	uint64_t workspace, unused[2];
};
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t), "one has the place of the other");

cublasStatus_t wrong(const char *caller, const std::string &why, cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE) {
	say("%s: %s", caller, why.c_str());
	return status;
}

Matrix matrix(const void *address, const cublasLtMatrixLayoutOpaque &layout) {
	return {reinterpret_cast<uint64_t>(address), (int)layout.type, layout.rows, layout.columns, layout.ld};
}

// describe makes a product of descriptors, whose matrices may lack addresses. It gives what is wrong with them, or "".
std::string describe(cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
	cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, Product *p) {
	if (!usable(description)) return "the description was destroyed, or never made";
	for (cublasLtMatrixLayout_t layout : {a, b, c, d}) {
		if (!usable(layout)) return "a layout was destroyed, or never made";
	}
	p->a = matrix(nullptr, *a), p->b = matrix(nullptr, *b), p->c = matrix(nullptr, *c), p->d = matrix(nullptr, *d);
	p->transpose_a = description->transpose_a == CUBLAS_OP_T, p->transpose_b = description->transpose_b == CUBLAS_OP_T;
	p->tf32 = description->compute == CUBLAS_COMPUTE_32F_FAST_TF32;
	p->epilogue = description->epilogue;
	p->bias = description->bias;
	p->bias_type = description->bias_type < 0 ? p->d.type : description->bias_type;
	p->m = p->d.rows, p->n = p->d.columns, p->k = p->transpose_a ? p->a.rows : p->a.columns;
	if ((p->transpose_a ? p->a.columns : p->a.rows) != p->m) return "a and d differ in rows";
	if ((p->transpose_b ? p->b.rows : p->b.columns) != p->n) return "b and d differ in columns";
	if ((p->transpose_b ? p->b.columns : p->b.rows) != p->k) return "a and b do not fit";
	if (p->c.rows != p->m || p->c.columns != p->n) return "c and d differ in size";
	if (p->m == 0 || p->n == 0 || p->k == 0) return "a matrix is empty";
	for (const Matrix *x : {&p->a, &p->b, &p->c, &p->d}) {
		if (x->ld < (int64_t)x->rows) return "a leading dimension is less than a column";
	}
	return "";
}

// supported tells whether the stand-in has what a description asks for.
bool supported(const cublasLtMatmulDescOpaque &description, const Product &p,
	std::initializer_list<cublasLtMatrixLayout_t> layouts) {
	for (cublasLtMatrixLayout_t layout : layouts) {
		if (layout->order != CUBLASLT_ORDER_COL || layout->batch != (*layouts.begin())->batch) return false;
	}
	if ((*layouts.begin())->batch != 1 && p.epilogue != CUBLASLT_EPILOGUE_DEFAULT) return false;
	auto is_type = [](int type) { return type == CUDA_R_32F || type == CUDA_R_16BF; };
	bool types = p.a.type == p.b.type && is_type(p.a.type) && p.c.type == p.d.type && is_type(p.d.type) &&
		!(p.a.type == CUDA_R_32F && p.d.type == CUDA_R_16BF);
	bool compute = description.compute == CUBLAS_COMPUTE_32F || (p.tf32 && p.a.type == CUDA_R_32F);
	bool epilogue = p.epilogue == CUBLASLT_EPILOGUE_DEFAULT || p.epilogue == CUBLASLT_EPILOGUE_BIAS ||
		p.epilogue == CUBLASLT_EPILOGUE_BGRADA || p.epilogue == CUBLASLT_EPILOGUE_BGRADB;
	return types && compute && epilogue && is_type(p.bias_type) && description.scale == CUDA_R_32F &&
		description.pointer_mode == 0 && description.transpose_c == CUBLAS_OP_N;
}

Algorithm algorithm_for(const cublasLtMatmulDescOpaque &description, const Product &p) {
	Algorithm chosen = {};
	chosen.mark = ALIVE;
	chosen.compute = description.compute, chosen.type_ab = p.a.type, chosen.type_cd = p.d.type;
	chosen.transpose_a = p.transpose_a, chosen.transpose_b = p.transpose_b, chosen.epilogue = (uint16_t)p.epilogue;
	return chosen;
}

// fits tells whether an algorithm was chosen for products like this one.
bool fits(Algorithm chosen, const cublasLtMatmulDescOpaque &description, const Product &p) {
	Algorithm want = algorithm_for(description, p);
	want.alignment_a = chosen.alignment_a, want.alignment_b = chosen.alignment_b;
	want.alignment_c = chosen.alignment_c, want.alignment_d = chosen.alignment_d, want.workspace = chosen.workspace;
	return memcmp(&chosen, &want, sizeof want) == 0;
}

// extent is how many bytes a matrix covers.
uint64_t extent(const Matrix &x) { return ((x.columns - 1) * (uint64_t)x.ld + x.rows) * size_of(x.type); }

bool overlap(const Matrix &x, const Matrix &y) {
	return x.address < y.address + extent(y) && y.address < x.address + extent(x);
}

// wrong_memory says which operand is not where it can be, or nothing.
std::string wrong_memory(Context *context, const Product &p, const Algorithm *chosen) {
	struct Operand {
		const char *name;
		uint64_t address, size;
		unsigned alignment;
	};
	bool bias = p.epilogue != CUBLASLT_EPILOGUE_DEFAULT;
	uint64_t length = p.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.n : p.m;
	const Operand operands[] = {
		{"a", p.a.address, extent(p.a), chosen ? chosen->alignment_a : size_of(p.a.type)},
		{"b", p.b.address, extent(p.b), chosen ? chosen->alignment_b : size_of(p.b.type)},
		{"c", p.beta != 0 ? p.c.address : p.d.address, extent(p.beta != 0 ? p.c : p.d),
			chosen ? chosen->alignment_c : size_of(p.c.type)},
		{"d", p.d.address, extent(p.d), chosen ? chosen->alignment_d : size_of(p.d.type)},
		{"the bias", bias ? p.bias : p.d.address, bias ? length * size_of(p.bias_type) : 0, size_of(p.bias_type)},
		{"the workspace", p.workspace_bytes ? p.workspace : p.d.address, p.workspace_bytes, 16},
	};
	for (const Operand &o : operands) {
		if (!context->reaches(o.address, o.size)) {
			return std::string(o.name) + ", " + std::to_string(o.size) +
				" bytes: " + context->device.memory.describe(o.address);
		}
		if (o.address % o.alignment != 0)
			return std::string(o.name) + " is not aligned as it was when the algorithm was chosen";
	}
	if (overlap(p.d, p.a) || overlap(p.d, p.b)) return "the result overlaps a factor";
	bool same = p.c.address == p.d.address && p.c.ld == p.d.ld;
	if (p.beta != 0 && !same && overlap(p.c, p.d)) return "the result overlaps c";
	return "";
}

} // namespace

extern "C" {

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
	cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
	cublasLtMatmulPreference_t preference, int wanted, cublasLtMatmulHeuristicResult_t *results, int *found) {
	if (!usable(handle))
		return wrong(__func__, "the handle was destroyed, or never made", CUBLAS_STATUS_NOT_INITIALIZED);
	if (!usable(preference) || wanted < 1 || results == nullptr || found == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
	*found = 0;
	Product p;
	std::string why = describe(description, a, b, c, d, &p);
	if (!why.empty()) return wrong(__func__, why);
	if (!supported(*description, p, {a, b, c, d})) return wrong(__func__, "no algorithm", CUBLAS_STATUS_NOT_SUPPORTED);
	Algorithm chosen = algorithm_for(*description, p);
	chosen.alignment_a = (uint16_t)preference->alignment_a, chosen.alignment_b = (uint16_t)preference->alignment_b;
	chosen.alignment_c = (uint16_t)preference->alignment_c, chosen.alignment_d = (uint16_t)preference->alignment_d;
	chosen.workspace = preference->workspace < WORKSPACE ? 0 : WORKSPACE;
	memset(results, 0, sizeof *results);
	memcpy(&results->algo, &chosen, sizeof chosen);
	results->workspaceSize = chosen.workspace;
	results->wavesCount = 1;
	*found = 1;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void *alpha,
	const void *a, cublasLtMatrixLayout_t layout_a, const void *b, cublasLtMatrixLayout_t layout_b, const void *beta,
	const void *c, cublasLtMatrixLayout_t layout_c, void *d, cublasLtMatrixLayout_t layout_d,
	const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes, CUstream stream) {
	if (!usable(handle))
		return wrong(__func__, "the handle was destroyed, or never made", CUBLAS_STATUS_NOT_INITIALIZED);
	Context *context;
	if (current_context(__func__, &context) != CUDA_SUCCESS) return CUBLAS_STATUS_EXECUTION_FAILED;
	if (context != handle->context) return wrong(__func__, "the handle was made in another context");
	if (stream_of(__func__, context, &stream) != CUDA_SUCCESS) return CUBLAS_STATUS_INVALID_VALUE;
	Product p;
	std::string why = describe(description, layout_a, layout_b, layout_c, layout_d, &p);
	if (!why.empty()) return wrong(__func__, why);
	if (alpha == nullptr || beta == nullptr) return wrong(__func__, "a factor is missing");
	if (!supported(*description, p, {layout_a, layout_b, layout_c, layout_d})) return CUBLAS_STATUS_NOT_SUPPORTED;
	memcpy(&p.alpha, alpha, sizeof p.alpha);
	memcpy(&p.beta, beta, sizeof p.beta);
	p.a.address = reinterpret_cast<uint64_t>(a), p.b.address = reinterpret_cast<uint64_t>(b);
	p.c.address = reinterpret_cast<uint64_t>(c), p.d.address = reinterpret_cast<uint64_t>(d);
	Algorithm chosen;
	if (algorithm != nullptr) {
		memcpy(&chosen, algorithm, sizeof chosen);
		if (!fits(chosen, *description, p))
			return wrong(__func__, "the algorithm was chosen for another class of products");
		if (chosen.workspace > workspace_bytes)
			return wrong(__func__, "the workspace is less than the algorithm needs");
		p.workspace = reinterpret_cast<uint64_t>(workspace), p.workspace_bytes = chosen.workspace;
	}
	if (fault(Fault::product, context->device.number)) return CUBLAS_STATUS_EXECUTION_FAILED;
	for (int i = 0; i < layout_d->batch; i++) {
		why = wrong_memory(context, p, algorithm ? &chosen : nullptr);
		if (!why.empty()) return wrong(__func__, why);
		context->submit(stream, [p] { multiply(p); });
		p.a.address += layout_a->batch_stride * size_of(p.a.type), p.b.address += layout_b->batch_stride * size_of(p.b.type);
		p.c.address += layout_c->batch_stride * size_of(p.c.type), p.d.address += layout_d->batch_stride * size_of(p.d.type);
	}
	return CUBLAS_STATUS_SUCCESS;
}

} // extern "C"
