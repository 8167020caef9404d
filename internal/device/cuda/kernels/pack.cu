// Copies of parameters in bfloat16 that lie side by side, for products that read several as one.
#include "elements.h"

// memory[to + j] = memory[from + j] for j < size, of each of some copies. copies [n, 3] holds to, from and size, in
// elements of memory, which also reaches what lies before it: numbers wrap. No copy reads what another one writes. Grid:
// (⌈largest size/2048⌉, n).
KERNEL_OF(THREADS, pack_bf16, bf16 *memory, const uint64_t *copies) {
	const int N = GROUP<bf16>;
	const uint64_t *copy = copies + 3 * (size_t)blockIdx.y;
	bf16 *to = memory + copy[0];
	const bf16 *from = memory + copy[1];
	Span s = span_of<N>(copy[2]);
	each_group<N>(s.left, all_aligned(to, from),
		[&](auto count, int j) { store(to + s.at + j, loaded<count.n>(from + s.at + j)); });
}
