// Tensor cores: what the last lane to arrive does for its warp. Fragments lie over the lanes as the PTX ISA says.
#include "vgpu_tensor.h"

namespace vgpu {

constexpr int WARP = 32;

void load_rows(void *const *lanes) {
	const uint16_t *rows[4][8];
	for (int lane = 0; lane < WARP; lane++) {
		const Rows *given = static_cast<const Rows *>(lanes[lane]);
		if ((uintptr_t)given->row % 16 != 0) fail("ldmatrix: the address of a row is no multiple of 16");
		rows[lane / 8][lane % 8] = static_cast<const uint16_t *>(given->row);
	}
	for (int lane = 0; lane < WARP; lane++) {
		Rows *mine = static_cast<Rows *>(lanes[lane]);
		for (int matrix = 0; matrix < 4; matrix++) {
			int outer = lane / 4, inner = lane % 4 * 2;
			const uint16_t *low = mine->transposed ? &rows[matrix][inner][outer] : &rows[matrix][outer][inner];
			const uint16_t *high = mine->transposed ? &rows[matrix][inner + 1][outer] : low + 1;
			mine->result[matrix] = *low | (unsigned)*high << 16;
			mine->read[matrix] = low;
		}
	}
}

static float low_half(unsigned pair) { return bits_as<float>(pair << 16); }
static float high_half(unsigned pair) { return bits_as<float>(pair & 0xffff0000u); }

void multiply_fragments(void *const *lanes) {
	float a[16][16], b[16][8], d[16][8];
	for (int lane = 0; lane < WARP; lane++) {
		const Fragments *f = static_cast<const Fragments *>(lanes[lane]);
		int group = lane / 4, pair = lane % 4 * 2;
		for (int i = 0; i < 4; i++) {
			int row = group + i % 2 * 8, k = pair + i / 2 * 8;
			a[row][k] = low_half(f->a[i]), a[row][k + 1] = high_half(f->a[i]);
			d[group + i / 2 * 8][pair + i % 2] = f->d[i];
		}
		for (int i = 0; i < 2; i++) {
			int k = pair + i * 8;
			b[k][group] = low_half(f->b[i]), b[k + 1][group] = high_half(f->b[i]);
		}
	}
	for (int row = 0; row < 16; row++) {
		for (int k = 0; k < 16; k++) {
			for (int column = 0; column < 8; column++) d[row][column] += a[row][k] * b[k][column];
		}
	}
	for (int lane = 0; lane < WARP; lane++) {
		Fragments *f = static_cast<Fragments *>(lanes[lane]);
		int group = lane / 4, pair = lane % 4 * 2;
		for (int i = 0; i < 4; i++) f->d[i] = d[group + i / 2 * 8][pair + i % 2];
	}
}

} // namespace vgpu
