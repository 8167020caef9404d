// Tensor cores and the copies that feed them, as compute capability 8.0 has them. Fragments lie over the lanes of a warp
// as the PTX ISA says.
#pragma once
#include "device.h"

#if defined(UER_VGPU)
typedef uint64_t Address;
DEVFN Address address_of(const void *shared) { return (Address)shared; }
DEVFN void store_word(Address to, unsigned word) { *(unsigned *)to = word; }
DEVFN Words4 load_words(Address from) { return *words4_at((const void *)from); }
DEVFN void copy_async(Address to, const void *from, bool present) { vgpu::copy_async((void *)to, from, present); }
#else
// Address is one in shared memory, in bytes.
typedef unsigned Address;
DEVFN Address address_of(const void *shared) {
	uint64_t address;
	asm("cvta.to.shared.u64 %0, %1;" : "=l"(address) : "l"((uint64_t)shared));
	return (Address)address;
}
DEVFN void store_word(Address to, unsigned word) {
	asm volatile("st.shared.b32 [%0], %1;" ::"r"(to), "r"(word) : "memory");
}
DEVFN Words4 load_words(Address from) {
	unsigned a, b, c, d;
	asm volatile("ld.shared.v4.b32 {%0,%1,%2,%3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "r"(from) : "memory");
	Words4 words = {a, b, c, d};
	return words;
}

// DYN_SHARED is the shared memory that the launch says the size of.
#define DYN_SHARED(T, name) extern __shared__ __attribute__((aligned(128))) T name[]

// fmaxf is a number if one of both is.
DEVFN float fmaxf(float a, float b) { return __nvvm_fmax_f(a, b); }

DEVFN unsigned __ballot_sync(unsigned mask, bool x) { return __nvvm_vote_ballot_sync(mask, x); }

// mma adds a b to d: a [16, 16], b [16, 8], d [16, 8].
DEVFN void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// load_fragments loads four matrices [8, 8]: lane i gives row i%8 of matrix i/8.
DEVFN void load_fragments(unsigned (&r)[4], Address row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
				 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
				 : "r"(row)
				 : "memory");
}
DEVFN void load_fragments_transposed(unsigned (&r)[4], Address row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
				 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
				 : "r"(row)
				 : "memory");
}

// copy_async begins to copy 16 bytes to shared memory, or to clear them. The thread waits for its copies, and others
// that read them meet it at a barrier after that.
DEVFN void copy_async(Address to, const void *from, bool present) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"((uint64_t)from),
				 "r"(present ? 16 : 0)
				 : "memory");
}
DEVFN void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// copies_wait waits until at most so many groups of copies are pending.
template <int PENDING> DEVFN void copies_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory"); }
#endif
