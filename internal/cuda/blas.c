//go:build gpu

#include "blas.h"

#include <dlfcn.h>

// Attributes of a description.
enum { TRANSPOSE_A = 3, TRANSPOSE_B = 4, EPILOGUE = 7, BIAS_POINTER = 8, BIAS_TYPE = 26 };

// Attributes of a layout.
enum { ROWS = 2, COLUMNS = 3, BATCH = 5, BATCH_OFFSET = 6 };

// Attributes of a preference.
enum { WORKSPACE_BYTES = 1, REDUCTION_SCHEMES = 3, ALIGNMENT_A = 5, ALIGNMENT_B, ALIGNMENT_C, ALIGNMENT_D };

enum { OPERATION_NONE = 0, OPERATION_TRANSPOSE = 1 };
enum { EPILOGUE_BIAS = 4 };
enum { TYPE_FLOAT = 0 }; // cudaDataType
enum { STATUS_NOT_SUPPORTED = 15 };

// The parts of a long sum are added in a step of their own, in order and before they are rounded, so that a product
// gives the same bits every time.
enum { REDUCE_COMPUTE_TYPE = 2 };

const char *blas_find(struct blas *blas, void *library)
{
	struct {
		void **function;
		const char *name;
	} functions[] = {
		{(void **)&blas->version, "cublasLtGetVersion"},
		{(void **)&blas->status_name, "cublasLtGetStatusName"},
		{(void **)&blas->create, "cublasLtCreate"},
		{(void **)&blas->destroy, "cublasLtDestroy"},
		{(void **)&blas->description_create, "cublasLtMatmulDescCreate"},
		{(void **)&blas->description_destroy, "cublasLtMatmulDescDestroy"},
		{(void **)&blas->description_set, "cublasLtMatmulDescSetAttribute"},
		{(void **)&blas->layout_create, "cublasLtMatrixLayoutCreate"},
		{(void **)&blas->layout_destroy, "cublasLtMatrixLayoutDestroy"},
		{(void **)&blas->layout_set, "cublasLtMatrixLayoutSetAttribute"},
		{(void **)&blas->preference_create, "cublasLtMatmulPreferenceCreate"},
		{(void **)&blas->preference_destroy, "cublasLtMatmulPreferenceDestroy"},
		{(void **)&blas->preference_set, "cublasLtMatmulPreferenceSetAttribute"},
		{(void **)&blas->choose, "cublasLtMatmulAlgoGetHeuristic"},
		{(void **)&blas->multiply, "cublasLtMatmul"},
	};
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		*functions[i].function = dlsym(library, functions[i].name);
		if (*functions[i].function == NULL)
			return functions[i].name;
	}
	return NULL;
}

size_t blas_version(const struct blas *blas) { return blas->version(); }
const char *blas_status_name(const struct blas *blas, int status) { return blas->status_name(status); }
int blas_create(const struct blas *blas, void **handle) { return blas->create(handle); }
int blas_destroy(const struct blas *blas, void *handle) { return blas->destroy(handle); }

// Calls a function unless an earlier one failed.
#define THEN(call)           \
	do {                     \
		if (status == 0)     \
			status = (call); \
	} while (0)

static int describe(const struct blas *blas, const struct class *class, struct plan *plan)
{
	int32_t a = class->transpose_a ? OPERATION_TRANSPOSE : OPERATION_NONE;
	int32_t b = class->transpose_b ? OPERATION_TRANSPOSE : OPERATION_NONE;
	int status = blas->description_create(&plan->description, class->compute, TYPE_FLOAT);
	THEN(blas->description_set(plan->description, TRANSPOSE_A, &a, sizeof a));
	THEN(blas->description_set(plan->description, TRANSPOSE_B, &b, sizeof b));
	if (class->bias) {
		int32_t epilogue = EPILOGUE_BIAS;
		uint64_t example = class->align_bias; // the library looks at its alignment only
		THEN(blas->description_set(plan->description, EPILOGUE, &epilogue, sizeof epilogue));
		THEN(blas->description_set(plan->description, BIAS_TYPE, &class->type_cd, sizeof class->type_cd));
		THEN(blas->description_set(plan->description, BIAS_POINTER, &example, sizeof example));
	}
	return status;
}

static int repeat(const struct blas *blas, void *layout, int32_t batch, int64_t next)
{
	int status = blas->layout_set(layout, BATCH, &batch, sizeof batch);
	THEN(blas->layout_set(layout, BATCH_OFFSET, &next, sizeof next));
	return status;
}

static int lay_out(const struct blas *blas, const struct class *class, struct plan *plan)
{
	int64_t m = class->m, n = class->n, k = class->k;
	int status = blas->layout_create(&plan->a, class->type_ab, class->transpose_a ? k : m, class->transpose_a ? m : k,
		class->stride_a);
	THEN(blas->layout_create(&plan->b, class->type_ab, class->transpose_b ? n : k, class->transpose_b ? k : n,
		class->stride_b));
	THEN(blas->layout_create(&plan->d, class->type_cd, m, n, class->stride_d));
	if (class->stride_c == class->stride_d && class->next_c == class->next_d)
		plan->c = plan->d;
	else
		THEN(blas->layout_create(&plan->c, class->type_cd, m, n, class->stride_c));
	if (class->batch > 1) {
		THEN(repeat(blas, plan->a, class->batch, class->next_a));
		THEN(repeat(blas, plan->b, class->batch, class->next_b));
		THEN(repeat(blas, plan->d, class->batch, class->next_d));
		if (plan->c != plan->d)
			THEN(repeat(blas, plan->c, class->batch, class->next_c));
	}
	return status;
}

int plan_make(const struct blas *blas, struct class class, struct plan *plan)
{
	*plan = (struct plan){.class = class};
	int status = describe(blas, &class, plan);
	THEN(lay_out(blas, &class, plan));
	return status;
}

int plan_choices(const struct blas *blas, void *handle, const struct plan *plan, size_t workspace_bytes,
	algorithm *algorithms, int wanted, int *found)
{
	struct {
		algorithm algorithm;
		size_t workspace_bytes;
		int status;
		float waves;
		int reserved[4];
	} results[MOST_CHOICES];
	const struct class *class = &plan->class;
	void *preference = NULL;
	uint32_t schemes = REDUCE_COMPUTE_TYPE;
	int count = 0, status = blas->preference_create(&preference);
	THEN(blas->preference_set(preference, WORKSPACE_BYTES, &workspace_bytes, sizeof workspace_bytes));
	THEN(blas->preference_set(preference, REDUCTION_SCHEMES, &schemes, sizeof schemes));
	THEN(blas->preference_set(preference, ALIGNMENT_A, &class->align_a, sizeof class->align_a));
	THEN(blas->preference_set(preference, ALIGNMENT_B, &class->align_b, sizeof class->align_b));
	THEN(blas->preference_set(preference, ALIGNMENT_C, &class->align_c, sizeof class->align_c));
	THEN(blas->preference_set(preference, ALIGNMENT_D, &class->align_d, sizeof class->align_d));
	THEN(blas->choose(handle, plan->description, plan->a, plan->b, plan->c, plan->d, preference,
		wanted < MOST_CHOICES ? wanted : MOST_CHOICES, results, &count));
	if (preference != NULL)
		blas->preference_destroy(preference);
	*found = 0;
	for (int i = 0; status == 0 && i < count; i++)
		if (results[i].status == 0)
			algorithms[(*found)++] = results[i].algorithm;
	if (status == 0 && *found == 0)
		status = count > 0 ? results[0].status : STATUS_NOT_SUPPORTED;
	return status;
}

void plan_free(const struct blas *blas, struct plan *plan)
{
	void *layouts[] = {plan->a, plan->b, plan->d, plan->c == plan->d ? NULL : plan->c};
	for (int i = 0; i < 4; i++)
		if (layouts[i] != NULL)
			blas->layout_destroy(layouts[i]);
	if (plan->description != NULL)
		blas->description_destroy(plan->description);
}

static int resize(const struct blas *blas, void *layout, uint64_t rows, uint64_t columns)
{
	int status = blas->layout_set(layout, ROWS, &rows, sizeof rows);
	THEN(blas->layout_set(layout, COLUMNS, &columns, sizeof columns));
	return status;
}

int plan_run(const struct blas *blas, void *handle, const struct plan *plan, struct operands o, uint64_t workspace,
	size_t workspace_bytes, void *stream)
{
	const struct class *class = &plan->class;
	float one = 1;
	int status = resize(blas, plan->a, class->transpose_a ? o.k : o.m, class->transpose_a ? o.m : o.k);
	THEN(resize(blas, plan->b, class->transpose_b ? o.n : o.k, class->transpose_b ? o.k : o.n));
	THEN(resize(blas, plan->d, o.m, o.n));
	if (plan->c != plan->d)
		THEN(resize(blas, plan->c, o.m, o.n));
	if (class->bias)
		THEN(blas->description_set(plan->description, BIAS_POINTER, &o.bias, sizeof o.bias));
	THEN(blas->multiply(handle, plan->description, &one, (void *)o.a, plan->a, (void *)o.b, plan->b, &o.beta,
		(void *)o.c, plan->c, (void *)o.d, plan->d, &plan->algorithm, (void *)workspace, workspace_bytes, stream));
	return status;
}
