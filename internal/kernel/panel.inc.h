// Products of blocks that stay in the caches. The right operand is packed into panels: columns
// p*PANEL to (p+1)*PANEL of a matrix [depth, columns] lie at b + p*depth*PANEL as [depth, PANEL].
#ifndef UER_PANEL_INC_H
#define UER_PANEL_INC_H

#if defined(UER_SET_AVX512) || defined(__aarch64__)
#define PANEL_VECTORS 4
#else
#define PANEL_VECTORS 2
#endif
#define PANEL (PANEL_VECTORS * LANES)
// A tile of sums that fills the registers is PANEL_ROWS high, or twice that where it is at most half a panel wide.
#define PANEL_ROWS 6

// panel_tile computes c[r, j] = Σ_k a[r*row_step + k*depth_step] * b[k*PANEL + j], or adds it to c, for constant numbers
// of rows and vectors.
INLINE void panel_tile(const int rows, const int vectors, float *c, size_t c_step, const float *a, size_t row_step,
		       size_t depth_step, const float *b, size_t depth, int accumulate) {
	vfloat sum[2 * PANEL_ROWS][PANEL_VECTORS];
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (int v = 0; v < vectors; v++) sum[r][v] = accumulate ? load(c + r * c_step + v * LANES) : (vfloat){0};
	for (size_t k = 0; k < depth; k++, a += depth_step, b += PANEL) {
		vfloat column[PANEL_VECTORS];
#pragma GCC unroll 8
		for (int v = 0; v < vectors; v++) column[v] = load(b + v * LANES);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			vfloat x = splat(a[r * row_step]);
#pragma GCC unroll 8
			for (int v = 0; v < vectors; v++) sum[r][v] = multiply_add(x, column[v], sum[r][v]);
		}
	}
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (int v = 0; v < vectors; v++) store(c + r * c_step + v * LANES, sum[r][v]);
}

#define PANEL_TILE(rows, vectors)                                                                            \
	case (rows) * PANEL_VECTORS + (vectors) - 1:                                                         \
		panel_tile(rows, vectors, c, c_step, a, row_step, depth_step, b, depth, accumulate);         \
		break;
#define PANEL_TILES(vectors)                                                                                 \
	PANEL_TILE(1, vectors) PANEL_TILE(2, vectors) PANEL_TILE(3, vectors)                                 \
	PANEL_TILE(4, vectors) PANEL_TILE(5, vectors) PANEL_TILE(6, vectors)
#define PANEL_HIGH_TILES(vectors)                                                                            \
	PANEL_TILE(7, vectors) PANEL_TILE(8, vectors) PANEL_TILE(9, vectors)                                 \
	PANEL_TILE(10, vectors) PANEL_TILE(11, vectors) PANEL_TILE(12, vectors)

// panel_product computes c = a b or c += a b for packed b, whose panels are panel_step apart. c has whole vectors: its
// rows, c_step apart, are written up to the next multiple of LANES columns.
static void panel_product(float *c, size_t c_step, size_t rows, size_t columns, const float *a, size_t row_step,
			  size_t depth_step, const float *b, size_t panel_step, size_t depth, int accumulate) {
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step, c += PANEL) {
		size_t left = (columns - j + LANES - 1) / LANES;
		size_t vectors = left < PANEL_VECTORS ? left : PANEL_VECTORS;
		size_t most = 2 * vectors <= PANEL_VECTORS ? 2 * PANEL_ROWS : PANEL_ROWS;
		const float *a_first = a;
		float *c_first = c;
		for (size_t i = 0; i < rows; i += most, a += most * row_step, c += most * c_step) {
			size_t height = rows - i < most ? rows - i : most;
			switch (height * PANEL_VECTORS + vectors - 1) {
				PANEL_TILES(1) PANEL_HIGH_TILES(1) PANEL_TILES(2)
#if PANEL_VECTORS == 4
				PANEL_HIGH_TILES(2) PANEL_TILES(3) PANEL_TILES(4)
#endif
			}
		}
		a = a_first;
		c = c_first;
	}
}

// panel_pack packs x [rows, columns], rows step apart, as a right operand of depth rows; missing columns become zero.
static void panel_pack(float *b, size_t panel_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step)
		for (size_t i = 0; i < rows; i++)
			for (size_t v = 0; v < PANEL; v += LANES) {
				size_t left = j + v < columns ? columns - j - v : 0;
				const float *from = x + i * step + j + v;
				store(b + i * PANEL + v, left >= LANES ? load(from) : load_part(from, left));
			}
}

// panel_pack_transposed packs the transpose of x [rows, columns], rows step apart, as a right operand of depth columns;
// what is missing to whole vectors of rows becomes zero.
static void panel_pack_transposed(float *b, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t i = 0; i < rows; i += LANES) {
		float *to = b + i / PANEL * PANEL * columns + i % PANEL;
		size_t height = rows - i < LANES ? rows - i : LANES;
		for (size_t j = 0; j < columns; j += LANES) {
			size_t width = columns - j < LANES ? columns - j : LANES;
			vfloat block[LANES];
#pragma GCC unroll 16
			for (size_t r = 0; r < LANES; r++) {
				const float *from = x + (i + r) * step + j;
				block[r] = r >= height ? (vfloat){0} : width == LANES ? load(from) : load_part(from, width);
			}
			transpose(block);
#pragma GCC unroll 16
			for (size_t r = 0; r < LANES; r++)
				if (r < width) store(to + (j + r) * PANEL, block[r]);
		}
	}
}

#endif
