// Fibers: each thread of a block has a stack of its own, and one thread of the operating system runs them all in turn.
#pragma once

#include <cstddef>
#include <vector>

namespace vgpu {

// STACK_SIZE is large because the twins that are made from PTX keep every register in the frame. Only the pages that
// are used take memory.
constexpr size_t STACK_SIZE = 512 << 10;
constexpr size_t STACK_GUARD = 4096; // bytes below it that nobody may touch

// StackContext is where a fiber goes on.
struct StackContext {
	void *stack_pointer = nullptr;
	char *stack = nullptr; // lowest address; null for a fiber that has not begun
	size_t size = STACK_SIZE;
	void *tsan = nullptr;
	void *asan = nullptr;
};

// prepare gives a fiber that has not begun a stack, on which `entry` will run. `number` spreads stacks over cache sets.
void prepare(StackContext &fiber, char *stack, void (*entry)(), unsigned number);

// switch_to leaves `from` and goes on with `to`. ended says that `from` will not come back.
void switch_to(StackContext &from, StackContext &to, bool ended);

// begun tells AddressSanitizer at the start of a fiber that the switch is over.
void begun();

// own_stack is the context of the calling thread, which is no fiber.
StackContext own_stack();

// Stacks are kept from block to block.
class Stacks {
public:
	Stacks() = default;
	Stacks(const Stacks &) = delete;
	~Stacks();

	char *take(); // null: the process has no more memory, or maps of it
	void give(char *stack) { free_.push_back(stack); }

private:
	std::vector<char *> free_;
};

} // namespace vgpu
