#include "descriptors.h"

#include <cstring>
#include <string>

#include "device.h"
#include "report.h"

using namespace vgpu;

namespace {

// Field is where an attribute is kept, and its size.
struct Field {
	void *at = nullptr;
	size_t size = 0;

	Field() = default;
	template <class T> Field(T &member) : at(&member), size(sizeof member) {}
};

Field field(cublasLtMatmulDesc_t d, int attribute) {
	switch (attribute) {
	case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return d->compute;
	case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return d->scale;
	case CUBLASLT_MATMUL_DESC_POINTER_MODE: return d->pointer_mode;
	case CUBLASLT_MATMUL_DESC_TRANSA: return d->transpose_a;
	case CUBLASLT_MATMUL_DESC_TRANSB: return d->transpose_b;
	case CUBLASLT_MATMUL_DESC_TRANSC: return d->transpose_c;
	case CUBLASLT_MATMUL_DESC_FILL_MODE: return d->fill_mode;
	case CUBLASLT_MATMUL_DESC_EPILOGUE: return d->epilogue;
	case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return d->bias;
	case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return d->bias_batch_stride;
	case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return d->auxiliary;
	case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return d->auxiliary_ld;
	case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: return d->multiprocessors;
	case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return d->bias_type;
	default: return {};
	}
}

Field field(cublasLtMatrixLayout_t l, int attribute) {
	switch (attribute) {
	case CUBLASLT_MATRIX_LAYOUT_TYPE: return l->type;
	case CUBLASLT_MATRIX_LAYOUT_ORDER: return l->order;
	case CUBLASLT_MATRIX_LAYOUT_ROWS: return l->rows;
	case CUBLASLT_MATRIX_LAYOUT_COLS: return l->columns;
	case CUBLASLT_MATRIX_LAYOUT_LD: return l->ld;
	case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return l->batch;
	case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return l->batch_stride;
	default: return {};
	}
}

Field field(cublasLtMatmulPreference_t p, int attribute) {
	switch (attribute) {
	case CUBLASLT_MATMUL_PREF_SEARCH_MODE: return p->search_mode;
	case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return p->workspace;
	case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return p->reduction_schemes;
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return p->alignment_a;
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return p->alignment_b;
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return p->alignment_c;
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return p->alignment_d;
	case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return p->waves;
	default: return {};
	}
}

template <class T> cublasStatus_t set(const char *caller, T *object, int attribute, const void *value, size_t size) {
	Field f;
	if (usable(object)) f = field(object, attribute);
	if (f.at == nullptr || f.size != size || value == nullptr) {
		say("%s: attribute %d of %zu bytes: no such attribute, another size, or a wrong object", caller, attribute,
			size);
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	memcpy(f.at, value, size);
	return CUBLAS_STATUS_SUCCESS;
}

template <class T> cublasStatus_t destroy(const char *caller, T *object) {
	if (object == nullptr) return CUBLAS_STATUS_SUCCESS;
	if (!usable(object)) {
		say("%s: destroyed twice, or never made", caller);
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	object->mark = 0; // and stays, so that a later use is noticed
	return CUBLAS_STATUS_SUCCESS;
}

} // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
	Context *context;
	if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
	if (current_context(__func__, &context) != CUDA_SUCCESS) return CUBLAS_STATUS_NOT_INITIALIZED;
	*handle = new cublasLtContext;
	(*handle)->context = context;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return destroy(__func__, handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *description, int compute, int scale) {
	if (description == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
	*description = new cublasLtMatmulDescOpaque;
	(*description)->compute = compute, (*description)->scale = scale;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) { return destroy(__func__, description); }

cublasStatus_t cublasLtMatmulDescSetAttribute(
	cublasLtMatmulDesc_t description, int attribute, const void *value, size_t size) {
	return set(__func__, description, attribute, value, size);
}

cublasStatus_t cublasLtMatrixLayoutCreate(
	cublasLtMatrixLayout_t *layout, int type, uint64_t rows, uint64_t columns, int64_t ld) {
	if (layout == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
	*layout = new cublasLtMatrixLayoutOpaque;
	(*layout)->type = (uint32_t)type, (*layout)->rows = rows, (*layout)->columns = columns, (*layout)->ld = ld;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(__func__, layout); }

cublasStatus_t cublasLtMatrixLayoutSetAttribute(
	cublasLtMatrixLayout_t layout, int attribute, const void *value, size_t size) {
	return set(__func__, layout, attribute, value, size);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
	if (preference == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
	*preference = new cublasLtMatmulPreferenceOpaque;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
	return destroy(__func__, preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
	cublasLtMatmulPreference_t preference, int attribute, const void *value, size_t size) {
	return set(__func__, preference, attribute, value, size);
}

size_t cublasLtGetVersion() { return 130000; }

const char *cublasLtGetStatusName(cublasStatus_t status) {
	switch (status) {
	case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
	case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
	case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
	case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
	case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
	default: return "CUBLAS_STATUS_UNKNOWN";
	}
}

const char *cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

} // extern "C"
