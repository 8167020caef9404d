#include "fiber.h"

#include <pthread.h>
#include <sys/mman.h>

#include "sanitizer.h"

#ifndef __x86_64__
#error "the switch of fibers is written for x86-64"
#endif

// vgpu_switch saves the registers that a call preserves, and the stack pointer to *from; then it takes those of `to`.
extern "C" void vgpu_switch(void **from, void *to);
asm(R"(
.text
.globl vgpu_switch
.hidden vgpu_switch
.type vgpu_switch, @function
vgpu_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
.size vgpu_switch, .-vgpu_switch
)");

namespace vgpu {

void prepare(StackContext &fiber, char *stack, void (*entry)(), unsigned number) {
	const unsigned registers = 6;
	fiber.stack = stack;
	void **top = reinterpret_cast<void **>(stack + STACK_SIZE - 64 - (number & 63) * 128);
	*--top = nullptr; // where entry would return to; it also aligns the stack as a call does
	*--top = reinterpret_cast<void *>(entry);
	for (unsigned i = 0; i < registers; i++) *--top = nullptr;
	fiber.stack_pointer = top;
}

void switch_to(StackContext &from, StackContext &to, bool ended) {
	tsan_switch(to.tsan);
#ifdef VGPU_ASAN
	__sanitizer_start_switch_fiber(ended ? nullptr : &from.asan, to.stack, to.size);
#else
	(void)ended;
#endif
	vgpu_switch(&from.stack_pointer, to.stack_pointer);
#ifdef VGPU_ASAN
	__sanitizer_finish_switch_fiber(from.asan, nullptr, nullptr);
#endif
}

void begun() {
#ifdef VGPU_ASAN
	__sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

StackContext own_stack() {
	StackContext own;
	own.tsan = tsan_this_fiber();
	pthread_attr_t attributes;
	void *lowest = nullptr;
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstack(&attributes, &lowest, &own.size);
		pthread_attr_destroy(&attributes);
	}
	own.stack = static_cast<char *>(lowest);
	return own;
}

Stacks::~Stacks() {
	for (char *stack : free_) munmap(stack - STACK_GUARD, STACK_SIZE + STACK_GUARD);
}

char *Stacks::take() {
	if (free_.empty()) {
		void *map = mmap(nullptr, STACK_SIZE + STACK_GUARD, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (map == MAP_FAILED) return nullptr;
		if (mprotect(map, STACK_GUARD, PROT_NONE) != 0) { // each guard takes a map of the process: they can run out
			munmap(map, STACK_SIZE + STACK_GUARD);
			return nullptr;
		}
		return static_cast<char *>(map) + STACK_GUARD;
	}
	char *stack = free_.back();
	free_.pop_back();
	return stack;
}

} // namespace vgpu
