// Products of blocks that stay in the caches. The right operand is packed into panels: columns p*PANEL to (p+1)*PANEL of a
// matrix [depth, columns] lie together as [depth, PANEL]; panels are panel_step elements apart.
#ifndef UER_BLOCK_INC_H
#define UER_BLOCK_INC_H

#define PANEL_VECTORS 2
#define PANEL (PANEL_VECTORS * LANES)
// A tile of PANEL_ROWS rows of a panel fills the registers with sums.
#if defined(UER_SET_AVX512) || defined(__aarch64__)
#define PANEL_ROWS 12
#else
#define PANEL_ROWS 6
#endif

INLINE size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
INLINE size_t at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

// on_line is the first address at or after p that begins a cache line.
INLINE float *on_line(float *p) { return (float *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

// block_tile computes c[r, j] = Σ_k a[r*row_step + k*depth_step] * b[k*PANEL + j], or adds it to c, for constant numbers
// of rows and vectors.
INLINE void block_tile(const int rows, const int vectors, float *c, size_t c_step, const float *a, size_t row_step,
                       size_t depth_step, const float *b, size_t depth, int accumulate) {
	vfloat sum[PANEL_ROWS][PANEL_VECTORS];
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) sum[r][v] = accumulate ? load(c + r * c_step + v * LANES) : (vfloat){0};
	for (size_t k = 0; k < depth; k++, a += depth_step, b += PANEL) {
		vfloat column[PANEL_VECTORS];
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) column[v] = load(b + v * LANES);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			vfloat x = splat(a[r * row_step]);
#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++) sum[r][v] = multiply_add(x, column[v], sum[r][v]);
		}
	}
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) store(c + r * c_step + v * LANES, sum[r][v]);
}

#define BLOCK_TILE(rows, vectors)                                                                    \
	case (rows) * PANEL_VECTORS + (vectors) - 1:                                                 \
		block_tile(rows, vectors, c, c_step, a, row_step, depth_step, b, depth, accumulate); \
		break;
#define BLOCK_TILES(rows) BLOCK_TILE(rows, 1) BLOCK_TILE(rows, 2)

// block_product computes c = a b, or adds it to c, for packed b [depth, columns]. Rows of c, c_step apart, are written up
// to the next multiple of LANES columns.
static void block_product(float *c, size_t c_step, size_t rows, size_t columns, const float *a, size_t row_step,
                          size_t depth_step, const float *b, size_t panel_step, size_t depth, int accumulate) {
	const float *a_first = a;
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step) {
		size_t vectors = at_most((columns - j + LANES - 1) / LANES, PANEL_VECTORS);
		float *c_first = c;
		a = a_first;
		for (size_t i = 0; i < rows; i += PANEL_ROWS, a += PANEL_ROWS * row_step, c += PANEL_ROWS * c_step) {
			switch (at_most(rows - i, PANEL_ROWS) * PANEL_VECTORS + vectors - 1) {
				BLOCK_TILES(1) BLOCK_TILES(2) BLOCK_TILES(3) BLOCK_TILES(4) BLOCK_TILES(5) BLOCK_TILES(6)
#if PANEL_ROWS > 6
				BLOCK_TILES(7) BLOCK_TILES(8) BLOCK_TILES(9) BLOCK_TILES(10) BLOCK_TILES(11) BLOCK_TILES(12)
#endif
			}
		}
		c = c_first + PANEL;
	}
}

// pack_block packs x [rows, columns], rows step apart, as an operand of depth rows; what is missing to the last panel
// becomes zero.
static void pack_block(float *b, size_t panel_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step)
		for (size_t i = 0; i < rows; i++)
			for (size_t v = j; v < j + PANEL; v += LANES)
				store(b + i * PANEL + v - j, v < columns ? load_some(x + i * step + v, columns - v) : (vfloat){0});
}

// pack_block_vector packs rows <= LANES rows x [rows, columns], step apart, as the columns of one vector of a panel of
// depth columns; the missing ones become zero.
static void pack_block_vector(float *b, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t j = 0; j < columns; j += LANES) {
		vfloat block[LANES];
#pragma GCC unroll 16
		for (size_t r = 0; r < LANES; r++)
			block[r] = r < rows ? load_some(x + r * step + j, columns - j) : (vfloat){0};
		transpose(block);
#pragma GCC unroll 16
		for (size_t r = 0; r < LANES; r++)
			if (j + r < columns) store(b + (j + r) * PANEL, block[r]);
	}
}

// pack_block_transposed packs the transpose of x [rows, columns], rows step apart, as an operand of depth columns; what
// is missing to the last vector becomes zero.
static void pack_block_transposed(float *b, size_t panel_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t i = 0; i < rows; i += LANES)
		pack_block_vector(b + i / PANEL * panel_step + i % PANEL, x + i * step, at_most(rows - i, LANES), columns, step);
}

#endif
