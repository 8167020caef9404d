package kernels

// Code generated from the sources by TestGenerated -update. DO NOT EDIT.

// Kernels lists all kernels.
var Kernels = []Kernel{

	// The update of Adafactor, as package op has it, of one tensor: a stack of matrices [count, rows, width], or one row
	// [width]. The update of an element before clipping is d = g row_factor column_factor, with g its gradient and the
	// factors of its row and its column.
	//
	// The launches for matrices: adafactor_row_sums, adafactor_column_partials, adafactor_row_moments,
	// adafactor_column_moments, adafactor_square_partials, total_partials, adafactor_update. For a tensor of fewer than two
	// axes adafactor_vector_moments takes the place of the first four. Nothing is updated if halted is set.

	// row_sums[r] = Σ_j g[r, j]²: a warp a row. row_sums [rows]; gradient [rows, width], the rows of all matrices. Grid:
	// ⌈rows/8⌉.
	{"adafactor", "adafactor_row_sums", 256,
		"float *row_sums, const float *gradient, int rows, int width"},
	// The first stage of the sums of g² over the rows of each matrix. partials [count, blocks, width], blocks and
	// rows_of_block from RowBlocks; gradient [count, rows, width]. Grid: ⌈count·blocks·⌈width/4⌉/256⌉.
	{"adafactor", "adafactor_column_partials", 256,
		"float *partials, const float *gradient, int count, int rows, int width, int blocks, " +
			"int rows_of_block"},
	// first = β first + (1-β) mean over columns of (factor g)², and row_factors = factor √(mean(first)/first), the mean
	// over the rows of a matrix: a block each. row_factors, row_sums (which may be the same), first [count, rows]; factor,
	// halted scalars. Grid: count.
	{"adafactor", "adafactor_row_moments", 256,
		"float *row_factors, float *first, const float *row_sums, const double *factor, const float *halted, " +
			"int rows, int width, double beta"},
	// second = β second + (1-β) mean over rows of (factor g)², and column_factors = 1/√second. column_factors, second
	// [count, width]; partials [count, blocks, width]; factor, halted scalars. Grid: ⌈count·width/256⌉.
	{"adafactor", "adafactor_column_moments", 256,
		"float *column_factors, float *second, const float *partials, const double *factor, " +
			"const float *halted, int count, int rows, int width, int blocks, double beta"},
	// moment = β moment + (1-β) (factor g)², column_factors = 1/√moment, and row_factors = factor. column_factors, moment,
	// gradient [width]; row_factors [1]; factor, halted scalars. Grid: ⌈width/256⌉.
	{"adafactor", "adafactor_vector_moments", 256,
		"float *row_factors, float *column_factors, float *moment, const float *gradient, " +
			"const double *factor, const float *halted, int width, double beta"},
	// The first stage of Σ d²: a warp a row. partials [count·rows]; total_partials over them is the second stage. gradient
	// [count, rows, width]; row_factors [count, rows]; column_factors [count, width]. Grid: ⌈count·rows/8⌉.
	{"adafactor", "adafactor_square_partials", 256,
		"double *partials, const float *gradient, const float *row_factors, const float *column_factors, " +
			"int count, int rows, int width"},
	// p = p - decay p - rate d/max(1, √mean(d²)), the mean over the whole tensor. p, gradient [count, rows, width];
	// row_factors [count, rows]; column_factors [count, width]; squares, which is Σ d², and halted scalars. decay is the
	// rate times the weight decay. Grid: ⌈count·rows·⌈width/4⌉/256⌉.
	{"adafactor", "adafactor_update", 256,
		"float *parameters, const float *gradient, const float *row_factors, const float *column_factors, " +
			"const double *squares, const float *halted, int count, int rows, int width, double rate, " +
			"double decay"},

	// The update of AdamW, as package op has it.

	// Unless halted is set, with g = factor gradient:
	//
	//	m = beta1 m + rest1 g
	//	v = beta2 v + rest2 g²
	//	p = p - rate m/(√v + epsilon), and then p = p - decay p
	//
	// p, m, v, gradients [n]; factor, halted scalars. rest1 and rest2 are 1-β, and decay is the rate times the weight
	// decay, all computed in float64. Grid: ⌈n/1024⌉.
	{"adamw", "adamw", 256,
		"float *parameters, float *first, float *second, const float *gradients, const double *factor, " +
			"const float *halted, size_t n, float beta1, float rest1, float beta2, float rest2, float epsilon, " +
			"float rate, float decay"},

	// The gradient of the position bias of attention; the terms are those of attention_float.cu.

	// The first stage of dbias[head, o] = Σ ds(i, j) over all queries and keys with j-i+max_length-1 = o. partials
	// [groups·tiles, heads, 2 max_length - 1] with tiles = ⌈max_length/32⌉ and groups = min(sequences, 16); column_sums
	// over groups·tiles rows is the second stage. Grid: (tiles, heads, groups).
	{"attention_bias", "attention_bias_float", 256,
		"float *partials, const float *dout, const float *lse, const float *delta, const float *q, " +
			"const float *k, const float *v, const int *starts, const int *key_starts, const int *rows, " +
			"const int *prefix, const int *lengths, const float *bias, int heads, int size, int max_length, " +
			"float scale, uint64_t key, unsigned threshold, float keep_scale, int causal, int sequences"},

	// Scaled dot-product attention over ragged sequences, forward and backward, so that the scores of a sequence never
	// exist whole (Dao et al., FlashAttention, 2022). Nothing is added atomically: the gradients of keys and of queries
	// have a kernel each, which compute the probabilities again.
	//
	// In comments: q, out and their gradients [queries, heads·size], k, v and theirs [keys, heads·size], lse and delta
	// [queries, heads], L the length of the longest sequence of queries and keys. starts, key_starts [sequences+1] (the
	// same if keys belong to the tokens of the queries); rows [queries], not read if threshold is 0; prefix, lengths
	// [sequences], may be null; bias [heads, 2 max_length - 1], may be null. Query i of a sequence sees the keys below
	// min(limit, max(always, i+1)): limit is the number of keys, or lengths if that is less and not 0; always is limit, but
	// if causal it is prefix, or 0.
	//
	//   score(i, j) = (q_i·k_j + bias[head, j-i+max_length-1]) scale
	//   out_i       = Σ_j dropout(softmax_j(score(i, j))) v_j

	// out and lse, the logarithm of Σ_j exp(score(i, j)). Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
	{"attention_float", "attention_float", 256,
		"float *out, float *lse, const float *q, const float *k, const float *v, const int *starts, " +
			"const int *key_starts, const int *rows, const int *prefix, const int *lengths, const float *bias, " +
			"int heads, int size, int max_length, float scale, uint64_t key, unsigned threshold, " +
			"float keep_scale, int causal"},
	// delta = dout·out of each query and head: a warp each. count is queries·heads. Grid: ⌈count/8⌉.
	{"attention_float", "attention_delta_float", 256,
		"float *delta, const float *dout, const float *out, int count, int size"},
	// With p the probabilities, m what dropout makes of a one and ds(i, j) = scale p (m dout_i·v_j - delta_i):
	// dq_i = Σ_j ds(i, j) k_j, or dq_i += it. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
	{"attention_float", "attention_queries_float", 256,
		"float *dq, const float *dout, const float *lse, const float *delta, const float *q, const float *k, " +
			"const float *v, const int *starts, const int *key_starts, const int *rows, const int *prefix, " +
			"const int *lengths, const float *bias, int heads, int size, int max_length, float scale, " +
			"uint64_t key, unsigned threshold, float keep_scale, int causal, int accumulate"},
	// dk_j = Σ_i ds(i, j) q_i and dv_j = Σ_i m p(i, j) dout_i, in the terms of attention_queries_float, or += them. Either may
	// be null. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
	{"attention_float", "attention_keys_float", 256,
		"float *dk, float *dv, const float *dout, const float *lse, const float *delta, const float *q, " +
			"const float *k, const float *v, const int *starts, const int *key_starts, const int *rows, " +
			"const int *prefix, const int *lengths, const float *bias, int heads, int size, int max_length, " +
			"float scale, uint64_t key, unsigned threshold, float keep_scale, int causal, int accumulate_k, " +
			"int accumulate_v"},

	// What a causal gated convolution needs beside its products, which are of windows: the taps rows that a token depends
	// on, as one row. A window's elements are in the order of the weights, [in, taps] if taps_last and else [taps, in].

	// windows[t] = x[t-taps+1] … x[t], with 0 for tokens before the sequence's first. windows [tokens, taps·width]; x
	// [tokens, width]; starts [sequences+1]. Grid: ⌈tokens·⌈taps·width/4⌉/256⌉.
	{"convolution", "convolution_windows_float", 256,
		"float *windows, const float *x, const int *starts, int sequences, int tokens, int width, int taps, " +
			"int taps_last"},
	// dx[t] = Σ_tap dwindows[t+taps-1-tap] at that tap, over the tokens of the sequence, or += it. dx [tokens, width];
	// dwindows [tokens, taps·width]; starts [sequences+1]. Grid: ⌈tokens·⌈width/4⌉/256⌉.
	{"convolution", "convolution_windows_gradient_float", 256,
		"float *dx, const float *dwindows, const int *starts, int sequences, int tokens, int width, " +
			"int taps, int taps_last, int accumulate"},
	// y = a σ(g), with a and g side by side in sums. y [tokens, width]; sums [tokens, 2 width]. Grid:
	// ⌈tokens·⌈width/4⌉/256⌉.
	{"convolution", "convolution_gate_float", 256,
		"float *y, const float *sums, int tokens, int width"},
	// da = dy σ(g) and dg = dy a σ'(g), side by side in dsums. dsums, sums [tokens, 2 width]; dy [tokens, width].
	// Grid: ⌈tokens·⌈width/4⌉/256⌉.
	{"convolution", "convolution_gate_gradient_float", 256,
		"float *dsums, const float *dy, const float *sums, int tokens, int width"},

	// Operations that compute each element on its own.

	// y = value. y [n]. Grid: ⌈n/1024⌉.
	{"elementwise", "fill_float", 256,
		"float *y, size_t n, float value"},
	// y = x, or y += x. y, x [n]. Grid: ⌈n/1024⌉.
	{"elementwise", "copy_float", 256,
		"float *y, const float *x, size_t n, int accumulate"},
	// y = factor x, or y += factor x. y, x [n]; factor a scalar. Grid: ⌈n/1024⌉.
	{"elementwise", "scale_float", 256,
		"float *y, const float *x, const float *factor, size_t n, int accumulate"},
	// y = a + b. y, a, b [n]. Grid: ⌈n/1024⌉.
	{"elementwise", "add_float", 256,
		"float *y, const float *a, const float *b, size_t n"},
	// y = dropout(x), or y += dropout(x). y, x [count, width]; rows [count], not read if threshold is 0.
	// Grid: ⌈count·⌈width/4⌉/256⌉.
	{"elementwise", "dropout_float", 256,
		"float *y, const float *x, const int *rows, int count, int width, uint64_t key, unsigned threshold, " +
			"float keep_scale, int accumulate"},
	// y = dropout(x) + residual. y, x, residual [count, width]; rows [count], not read if threshold is 0. y may be x or
	// residual. Grid: ⌈count·⌈width/4⌉/256⌉.
	{"elementwise", "dropout_add_float", 256,
		"float *y, const float *x, const float *residual, const int *rows, int count, int width, " +
			"uint64_t key, unsigned threshold, float keep_scale"},
	// y = a(x), with the activation a by its number in package op. y, x [n]; y may be x. Grid: ⌈n/1024⌉.
	{"elementwise", "activation_float", 256,
		"float *y, const float *x, size_t n, int activation"},
	// dx = dy a'(x), and the first stage of its column sums, unless partials is null. dx, dy, x [rows, width];
	// partials [blocks, width], blocks and rows_of_block from RowBlocks. dx may be dy. Grid: (⌈width/128⌉, blocks).
	{"elementwise", "activation_gradient_float", 256,
		"float *dx, float *partials, const float *dy, const float *x, int rows, int width, " +
			"int rows_of_block, int activation"},
	// y = a(gate) x. y, gate, x [n]. Grid: ⌈n/1024⌉.
	{"elementwise", "gated_float", 256,
		"float *y, const float *gate_values, const float *x, size_t n, int activation"},
	// dgate = dy x a'(gate) and dx = dy a(gate), or adds them; either may be null. All [n]. Grid: ⌈n/1024⌉.
	{"elementwise", "gated_gradient_float", 256,
		"float *dgate, float *dx, const float *dy, const float *gate, const float *x, size_t n, " +
			"int activation, int accumulate_gate, int accumulate_x"},
	// y = x[:, from : from+count], or y += it. y [rows, count]; x [rows, width]. Grid: ⌈rows·⌈count/4⌉/256⌉.
	{"elementwise", "columns_float", 256,
		"float *y, const float *x, int rows, int width, int from, int count, int accumulate"},
	// y[:, from : from+count] = x, or y[...] += x; without accumulate the other columns become 0. y [rows, width];
	// x [rows, count]. Grid: ⌈rows·⌈width/4⌉/256⌉.
	{"elementwise", "widen_float", 256,
		"float *y, const float *x, int rows, int width, int from, int count, int accumulate"},

	// Sums of rows of tables, and the gradient of a table.

	// y[t] = scale table0[ids0[t]] + table1[ids1[t]] + …, up to the first table that is null. y [tokens, width];
	// tables [rows, width]; ids [tokens]. Grid: ⌈tokens·⌈width/4⌉/256⌉.
	{"embedding", "embedding_float", 256,
		"float *y, const float *table0, const float *table1, const float *table2, const float *table3, " +
			"const int *ids0, const int *ids1, const int *ids2, const int *ids3, int tokens, int width, " +
			"float scale"},
	// The first stage of the gradient of a table: partials[p] = Σ scale dy[tokens[i]] over the entries of piece p.
	// partials [count, width]; dy [·, width]; tokens and pieces [count+1] from EmbeddingOrder. Grid: ⌈count·⌈width/4⌉/256⌉.
	{"embedding", "embedding_partials_float", 256,
		"float *partials, const float *dy, const int *tokens, const int *pieces, int count, int width, " +
			"float scale"},
	// The second stage: dtable[ids[i]] = Σ partials[p] over the pieces of id i, or += it; other rows keep what they have,
	// so without accumulate fill them with zeros before. dtable [rows, width]; partials [pieces, width]; lists [count+1]
	// and ids [count] from EmbeddingOrder. Grid: ⌈count·⌈width/4⌉/256⌉.
	{"embedding", "embedding_sums", 256,
		"float *dtable, const float *partials, const int *lists, const int *ids, int count, int width, " +
			"int accumulate"},

	// The elementary functions one by one, which tests compare with float64.

	// y = f(x), with f by its number: 0 exp, 1 log, 2 tanh, 3 the logistic function, 4 its derivative, 5 the distribution function
	// of the normal distribution, 6 its density. y, x [n]. Grid: ⌈n/256⌉.
	{"functions", "functions", 256,
		"float *y, const float *x, size_t n, int function"},

	// Softmax and cross-entropy of rows of logits. A block works through a row.

	// Of each row, losses = log Σ exp(logits) - logits[label], hits = 1 if the label has the largest logit (of equal ones
	// the first), else 0; and logits become their gradient (softmax(logits) - onehot(label)) scale. logits [rows, classes];
	// losses, hits, labels [rows]. Grid: rows.
	{"loss", "cross_entropy_float", 256,
		"float *logits, float *losses, float *hits, const int *labels, int classes, float scale"},
	// loss = the mean of losses, correct = the sum of hits; both 0 without rows, and either may be null. loss, correct
	// scalars; losses, hits [rows]. Grid: 1.
	{"loss", "cross_entropy_totals", 256,
		"float *loss, float *correct, const float *losses, const float *hits, int rows"},

	// Normalisation of rows, with dropout and residual. A warp works through a row, of which a lane has four columns of
	// 128.

	// sum = dropout(x) + residual, and y = norm(sum), with the kinds of norm as package op numbers them:
	//
	//	0: y = γ (sum-μ)/(s+ε) + β, s² = Σ(sum-μ)²/(width-1)
	//	1: y = γ sum/√(mean(sum²)+ε)
	//
	// If sum is null, y = norm(x). stats gets μ (0 for kind 1) and s or the root. y, sum, x, residual [count, width],
	// residual may be null; stats [count, 2]; rows [count], not read if threshold is 0; gamma, beta [width], beta may be
	// null. sum may be x or residual. Grid: ⌈count/8⌉.
	{"norm", "norm_float", 256,
		"float *y, float *sum, float *stats, const float *x, const float *residual, const int *rows, " +
			"const float *gamma, const float *beta, int count, int width, int kind, uint64_t key, " +
			"unsigned threshold, float keep_scale"},
	// The gradient of norm_float in the row: with c = sum-μ, q the divisor and g = γ dy,
	//
	//	0: dresidual = (g - mean(g))/q - c Σ(g c)/(q² s (width-1)), without the second term where s = 0
	//	1: dresidual = g/q - c Σ(g c)/(q³ width)
	//
	// and dx = dropout(dresidual); or adds them. Either may be null. dx, dresidual, dy, sum (x where there was no sum)
	// [count, width]; stats [count, 2]; rows [count], not read if threshold is 0; gamma [width]. Grid: ⌈count/8⌉.
	{"norm", "norm_gradient_float", 256,
		"float *dx, float *dresidual, const float *dy, const float *sum, const float *stats, " +
			"const int *rows, const float *gamma, int count, int width, int kind, uint64_t key, " +
			"unsigned threshold, float keep_scale, int accumulate_x, int accumulate_residual"},
	// The first stage of the gradients of γ, Σ dy (sum-μ)/q, and of β, Σ dy, over the rows. partials [blocks, 2, width],
	// blocks and rows_of_block from RowBlocks; column_sums with a stride of 2 width is the second stage. dy, sum [count,
	// width]; stats [count, 2]. Grid: (⌈width/128⌉, blocks).
	{"norm", "norm_parameter_partials_float", 256,
		"float *partials, const float *dy, const float *sum, const float *stats, int count, int width, " +
			"int rows_of_block, int kind"},

	// One row of the rows of each sequence.

	// y[s] = the mean (kind 0) or maximum (kind 1) of x over the tokens of sequence s; 0 if it has none. y [sequences,
	// width]; x [tokens, width]; starts [sequences+1]. Grid: ⌈sequences·⌈width/4⌉/256⌉.
	{"pool", "pool_float", 256,
		"float *y, const float *x, const int *starts, int sequences, int width, int kind"},
	// dx = dy/length for the mean (kind 0); for the maximum (kind 1) dy where x first equals y, else 0; or += it. dx, x
	// [tokens, width]; dy, y [sequences, width], y and x not read for the mean; starts [sequences+1]. Grid:
	// ⌈sequences·⌈width/4⌉/256⌉.
	{"pool", "pool_gradient_float", 256,
		"float *dx, const float *dy, const float *y, const float *x, const int *starts, int sequences, " +
			"int width, int kind, int accumulate"},

	// A table of biases by bucket, spread to all offsets of a key from its query.

	// bias[h, o] = table[bucket_of[o], h]. bias [heads, offsets]; table [buckets, heads]; bucket_of [offsets]:
	// op.PositionBuckets. Grid: ⌈heads·offsets/256⌉.
	{"position_bias", "position_bias", 256,
		"float *bias, const float *table, const int *bucket_of, int heads, int offsets"},
	// dtable[b, h] = Σ dbias[h, o] over the offsets of bucket b, or += it: a warp each. dtable [buckets, heads]; dbias
	// [heads, offsets]; bucket_of [offsets]. Grid: ⌈buckets·heads/8⌉.
	{"position_bias", "position_bias_gradient", 256,
		"float *dtable, const float *dbias, const int *bucket_of, int buckets, int heads, int offsets, " +
			"int accumulate"},

	// A matrix product, for where cuBLASLt is missing.

	// c = a b + bias, or c += it. c [m, n]; a [m, k], or [k, m] if transpose_a; b [k, n], or [n, k] if transpose_b; their
	// rows lie stride_c, stride_a and stride_b apart; bias [n], may be null. Sums are in order of k. Grid: (⌈n/64⌉,
	// ⌈m/64⌉).
	{"product", "product_float", 256,
		"float *c, const float *a, const float *b, const float *bias, int m, int n, int k, int stride_c, " +
			"int stride_a, int stride_b, int transpose_a, int transpose_b, int accumulate"},

	// Steps of recurrent layers over ragged sequences, of all that are long enough for the step and in one direction or
	// both. What tokens contribute on their own, the products with the input and those of the weights' gradients, is no
	// part of a step.
	//
	// Rows are sequences in the order of SequenceOrder, longest first, of which the first `alive` take the step. At step i,
	// row r is at token i of its sequence from the front (direction 0) or from the back (direction 1). In comments: y and
	// its gradient [tokens, directions·hidden]; gates and theirs [directions, tokens, G·hidden] with G gates, of a tanh
	// cell y itself; extra [directions, tokens, hidden]; the weights of each direction [G·hidden, hidden], the second null
	// for one direction; starts [sequences+1]; order [sequences]. With a the gates' sums with the input, s = W h of the
	// state before and σ the logistic function:
	//   tanh: h = tanh(a + s)
	//   lstm: gates i, f, g, o of a + s; c = σ(f) c_before + σ(i) tanh(g), h = σ(o) tanh(c)
	//   gru:  gates r, z, n; b = s_n + bias, R = σ(a_r + s_r), Z = σ(a_z + s_z), N = tanh(a_n + R b), h = (1-Z) N + Z
	//   h_before

	// y holds a, and becomes h. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
	{"recurrent", "recurrent_tanh_float", 256,
		"float *y, const float *weight0, const float *weight1, const int *starts, const int *order, " +
			"int alive, int tokens, int hidden, int directions, int step"},
	// y becomes h, gates hold a and become the gates' values, extra becomes c. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
	{"recurrent", "recurrent_lstm_float", 256,
		"float *y, float *gates, float *extra, const float *weight0, const float *weight1, " +
			"const int *starts, const int *order, int alive, int tokens, int hidden, int directions, int step"},
	// y becomes h, gates hold a and become the gates' values, extra becomes b. The biases [hidden] of each direction are
	// those of gate n's product with the state. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
	{"recurrent", "recurrent_gru_float", 256,
		"float *y, float *gates, float *extra, const float *weight0, const float *weight1, " +
			"const float *bias0, const float *bias1, const int *starts, const int *order, int alive, int tokens, " +
			"int hidden, int directions, int step"},
	// before[t] is the state that token t starts from in a direction, 0 at the sequence's begin: the factor of the gradient
	// of the weights. before [tokens, hidden]. Grid: ⌈tokens·⌈hidden/4⌉/256⌉.
	{"recurrent", "recurrent_before_float", 256,
		"float *before, const float *y, const int *starts, int sequences, int tokens, int hidden, " +
			"int directions, int direction"},

	// Steps of the gradients of recurrent layers, from the last step to the first; the terms are those of recurrent.cu.
	// dgates are the gradients of a, and those of s but for gate n of a gru, whose s_n is the gradient of b, in dextra.
	// dgates [directions, tokens, G·hidden]; dextra [directions, tokens, hidden]; carry [directions, sequences, hidden] is
	// what reaches a row's state, or c, from the step after it other than through the weights: steps hand it on, and none
	// reads what was there before the first.

	// The first `carried` rows have a step after this one. carried is 0 at the last step. Grid: (⌈hidden/8⌉, ⌈alive/32⌉,
	// directions).
	{"recurrent_gradient", "recurrent_tanh_gradient_float", 256,
		"float *dgates, const float *dy, const float *y, const float *weight0, const float *weight1, " +
			"const int *starts, const int *order, int alive, int tokens, int hidden, int directions, int step, " +
			"int carried"},
	// As recurrent_tanh_gradient_float. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
	{"recurrent_gradient", "recurrent_lstm_gradient_float", 256,
		"float *dgates, float *carry, const float *dy, const float *gates, const float *extra, " +
			"const float *weight0, const float *weight1, const int *starts, const int *order, int alive, " +
			"int tokens, int hidden, int directions, int step, int sequences, int carried"},
	// As recurrent_tanh_gradient_float. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
	{"recurrent_gradient", "recurrent_gru_gradient_float", 256,
		"float *dgates, float *dextra, float *carry, const float *dy, const float *y, const float *gates, " +
			"const float *extra, const float *weight0, const float *weight1, const int *starts, " +
			"const int *order, int alive, int tokens, int hidden, int directions, int step, int sequences, " +
			"int carried"},

	// Rows picked out of a matrix, and put back.

	// y[i] = x[index[i]]. y [picked, width]; x [rows, width]; index [picked]. Grid: ⌈picked·⌈width/4⌉/256⌉.
	{"rows", "gather_float", 256,
		"float *y, const float *x, const int *index, int picked, int width"},
	// dx[index[i]] = dy[i], or += it; without accumulate the other rows become 0. dx [rows, width]; dy [picked, width];
	// index [picked] strictly increasing. Grid: ⌈rows·⌈width/4⌉/256⌉.
	{"rows", "scatter_float", 256,
		"float *dx, const float *dy, const int *index, int rows, int width, int picked, int accumulate"},

	// Operations on single numbers, each by one thread (a block needs a whole warp).

	// y = a + b, all scalars. Grid: 1.
	{"scalars", "total_float", 32,
		"float *y, const float *a, const float *b"},
	// flag = 1 if x is infinite or NaN; else flag stays as it is. Both scalars. Grid: 1.
	{"scalars", "guard_float", 32,
		"float *flag, const float *x"},
	// flag = 1 if x is infinite or NaN; else flag stays as it is. Both scalars. Grid: 1.
	{"scalars", "guard_double", 32,
		"float *flag, const double *x"},
	// norm = |scale| √squares, and factor = scale, times limit/norm if limit > 0 and norm > limit. norm, factor, squares
	// scalars. Grid: 1.
	{"scalars", "clip", 32,
		"double *norm, double *factor, const double *squares, double scale, double limit"},
	// figure = x, both scalars: how a run's outputs are gathered for the host. Grid: 1.
	{"scalars", "figure_float", 32,
		"double *figure, const float *x"},
	// figure = x, both scalars. Grid: 1.
	{"scalars", "figure_double", 32,
		"double *figure, const double *x"},

	// Sums over the rows of a matrix and over a flat buffer.

	// The first stage of the sums of x over its rows. partials [blocks, width], blocks and rows_of_block from RowBlocks;
	// x [rows, width], its rows stride apart. Grid: (⌈width/128⌉, blocks).
	{"sums", "column_partials_float", 256,
		"float *partials, const float *x, int rows, int width, int stride, int rows_of_block"},
	// The second stage: out[j] = Σ_b partials[b, j], or out[j] += it. out [width]; partials [blocks, width], its rows
	// stride apart. Warp w of a block adds up the rows w, w+32, ... of 32 columns, then warps are added in order. Grid:
	// ⌈width/32⌉.
	{"sums", "column_sums", 1024,
		"float *out, const float *partials, int blocks, int width, int stride, int accumulate"},
	// The first stage of Σ x². partials [blocks], blocks and block, the elements of one, from ElementBlocks; x [n]. Grid:
	// blocks.
	{"sums", "square_partials", 256,
		"double *partials, const float *x, size_t n, size_t block"},
	// The second stage: out = Σ_b partials[b]. out a scalar; partials [blocks]. Grid: 1.
	{"sums", "total_partials", 256,
		"double *out, const double *partials, int blocks"},
}
