// The routines as C sees them: their arguments, and the set compiled for one instruction set. Package routine says what each
// does. A struct here mirrors the one of the same name there, with a pointer, and a length where needed, for a slice, and
// NULL for nil.
//
// Arguments are passed by value all the way: Go must not pass C a pointer to memory that holds Go pointers, and the compiler
// need not assume that a store changes a local copy.
#ifndef UER_ROUTINES_H
#define UER_ROUTINES_H

#include <stddef.h>
#include <stdint.h>

// Enumerations, numbered as in package routine.
enum activation {
	ACTIVATION_NONE,
	ACTIVATION_GELU,
	ACTIVATION_GELU_FAST,
	ACTIVATION_RELU,
	ACTIVATION_SILU,
	ACTIVATION_TANH,
	ACTIVATION_SIGMOID,
};
enum precision { FLOAT32, BFLOAT16, BFLOAT16X3, BFLOAT16X6, PRECISIONS };
enum norm_kind { NORM_UER, NORM_RMS, NORM_STANDARD };
enum cell { CELL_TANH, CELL_LSTM, CELL_GRU };

// Sizes, as in package routine.
enum {
	RECURRENT_UNITS = 32,
	ATTENTION_BLOCK = 32,
	TILE_DEPTH = 32,
	CACHE_LINE = 16, // floats
};

// struct array is floats, or numbers in bfloat16 if half; at is NULL if it is left out.
struct array {
	void *at;
	int half;
};

struct output {
	struct array to;
	int accumulate;
};

// Elements whose hash is below the threshold are dropped; none if it is 0.
struct dropout {
	uint64_t key;
	uint32_t threshold;
	float scale;
};

struct pack {
	float *panels;
	struct array x;
	size_t leading;
	int transpose;
	size_t depth, count, width, stride;
	int of_b;
};

struct multiply {
	size_t rows, columns, depth, height, stride;
	const float *a, *b;
	int by_rows;
	struct array c;
	size_t leading;
	struct array addend;
	const float *bias;
	int activation;
	struct array pre_activation;
	struct dropout dropout;
	const int32_t *row_numbers;
	size_t first_column;
	struct array residual;
};

// struct recurrent_step is RecurrentTile with its step. All its arrays are stored the same way.
struct recurrent_step {
	int cell;
	size_t hidden, first, units;
	size_t rows;
	const int32_t *tokens;
	ptrdiff_t previous;
	int start;
	const float *weights;
	float *packed;
	const float *sums;
	const float *bias;
	struct array gates;
	size_t gate_stride;
	struct array extra, y;
	size_t stride;
	const float *before;
	float *after;
	size_t carried;
	const float *next;
	float *now, *memory;
	struct array dy, dgates, dextra;
};

struct attention_heads {
	size_t queries, keys, size, width, head, count, heads, prefix, visible_keys;
	float scale;
	const float *bias;
	float *dbias;
	size_t centre;
	struct dropout dropout;
	const int32_t *rows;
	int half; // q, k, v, out, dout, dq, dk and dv are numbers in bfloat16, which routines on tiles take
	const float *q, *k, *v;
	float *out, *lse;
	const float *dout;
	struct sums { float *to; int accumulate; } dq, dk, dv;
	float *scratch;
};

struct windows {
	float *to;
	const float *x;
	size_t width, row, rows, taps, channels;
};

struct split_taps {
	float *to;
	const float *weights;
	size_t tap_stride, leading, rows, taps, channels;
};

struct activation_backward {
	int activation;
	struct array dx, dy, x;
	size_t n;
};

struct gated_forward {
	int activation;
	struct array y, gate, x;
	size_t n;
};

struct gated_backward {
	int activation;
	struct array dgate, dx, dy, gate, x;
	size_t n;
};

struct dropout_add {
	struct array y, x, residual;
	size_t count, width; // count: of rows
	const int32_t *rows;
	struct dropout dropout;
};

struct norm_forward {
	int kind;
	float epsilon;
	size_t count, width; // count: of rows
	const float *gamma, *beta;
	struct array y, sum; // sum may be x
	float *stats;
	struct array x, residual;
	const int32_t *rows;
	struct dropout dropout;
};

struct norm_backward {
	int kind;
	float epsilon;
	size_t count, width; // count: of rows
	const float *gamma;
	struct output dx, dresidual;
	float *dparameters;
	struct array dy, sum;
	const float *stats;
	const int32_t *rows;
	struct dropout dropout;
};

struct embedding_forward {
	float *out;
	const float *table;
	size_t width;
	const int32_t *ids;
	size_t n;
	float scale;
	int accumulate;
};

struct embedding_backward {
	float *dtable;
	size_t width;
	const int32_t *ids;
	size_t n;
	const float *dout;
	size_t stride;
	float scale;
	size_t columns;
};

struct cross_entropy {
	size_t rows, classes;
	float *logits;
	const int32_t *labels;
	float scale;
	float *dbias, *results;
};

struct widen {
	float *to;
	const uint16_t *x;
	size_t rows, width, to_stride, stride;
};

struct narrow {
	uint16_t *to;
	const float *x;
	size_t rows, width, to_stride, stride;
	int accumulate;
};

struct add {
	float *out;
	const float *a, *b;
	size_t n;
};

struct scale {
	float *out;
	const float *x;
	size_t n;
	float factor;
	int accumulate;
};

struct column_sum {
	float *out;
	size_t width;
	struct array x;
	size_t rows, stride;
	int accumulate;
};

struct elements {
	const float *x;
	size_t n;
};

struct adamw {
	float rate, beta1, rest1, beta2, rest2, epsilon, decay, gradient_scale; // rest = 1 - beta, decay = rate * weight decay
	float *parameters;
	const float *gradients;
	float *first, *second;
	size_t n;
};

struct factored {
	size_t count, rows, width;
	const float *gradient;
	float *row, *column;
};

struct factored_update {
	struct factored factored;
	float *parameters;
	float rate, decay;
};

// Matrix products in one precision.
struct matmul {
	int rows, columns, whole_rows, unit, unit_size, unit_size_b, max_depth, lines;
	void (*pack)(struct pack);
	void (*multiply)(struct multiply);
	size_t (*peak)(size_t rounds, float *sink);
};

struct recurrent {
	void (*pack_forward)(struct recurrent_step);
	void (*pack_backward)(struct recurrent_step);
	void (*forward)(struct recurrent_step);
	void (*backward)(struct recurrent_step);
};

// The routines that were compiled for an instruction set; NULL for those that were not.
struct set {
	struct matmul matmul[PRECISIONS];
	struct recurrent recurrent;
	void (*attention_forward)(struct attention_heads);
	void (*attention_backward)(struct attention_heads);
	void (*tile_attention_forward)(struct attention_heads);
	void (*tile_attention_backward)(struct attention_heads);
	void (*windows)(struct windows);
	void (*split_taps)(struct split_taps);
	void (*activation_backward)(struct activation_backward);
	void (*gated_forward)(struct gated_forward);
	void (*gated_backward)(struct gated_backward);
	void (*dropout_add)(struct dropout_add);
	void (*norm_forward)(struct norm_forward);
	void (*norm_backward)(struct norm_backward);
	void (*embedding_forward)(struct embedding_forward);
	void (*embedding_backward)(struct embedding_backward);
	void (*cross_entropy)(struct cross_entropy);
	void (*widen)(struct widen);
	void (*narrow)(struct narrow);
	void (*add)(struct add);
	void (*scale)(struct scale);
	void (*column_sum)(struct column_sum);
	double (*sum_squares)(struct elements);
	int (*all_finite)(struct elements);
	void (*adamw)(struct adamw);
	double (*stable_moments)(struct adamw);
	void (*stable_step)(struct adamw);
	void (*adafactor_sums)(struct factored);
	double (*adafactor_squares)(struct factored);
	void (*adafactor_update)(struct factored_update);
};

extern const struct set uer_set_baseline;
#if defined(__x86_64__)
extern const struct set uer_set_avx2, uer_set_avx512, uer_set_avx512bf16, uer_set_amx, uer_set_amx_emulated;
#endif

#endif
