#include "trap.h"

#include <signal.h>
#include <ucontext.h>

#include <cstdio>
#include <string>
#include <vector>

#include "block.h"
#include "device.h"
#include "report.h"

namespace vgpu {

namespace {

struct sigaction earlier[NSIG]; // what handled the signals before, such as Go

// The trap that this thread is about to report.
thread_local siginfo_t trap;

std::string where(void *address) {
	char text[64];
	snprintf(text, sizeof text, "address 0x%llx", (unsigned long long)address);
	if (address < reinterpret_cast<void *>(1 << 16)) return std::string(text) + ", a null pointer";
	for (int i = 0; i < device_count(); i++) {
		DeviceMemory &memory = device(i)->memory;
		uint64_t at = reinterpret_cast<uint64_t>(address);
		if (memory.owns(at)) return std::string(text) + ", device " + std::to_string(i) + ": " + memory.describe(at);
	}
	return std::string(text) + ", not in the memory of a device";
}

// report_trap runs in place of the instruction that trapped, on the stack of the thread of the block.
[[noreturn]] void report_trap() {
	Block &block = Block::of_this_thread();
	if (trap.si_signo == SIGFPE) block.fail("an integer was divided by zero: undefined on a GPU");
	if (trap.si_code == SI_KERNEL) block.fail("an access that is not aligned");
	if (block.shared().contains(trap.si_addr)) block.fail("past the end of shared memory");
	if (block.on_stack(trap.si_addr)) block.fail("its stack overflowed");
	block.fail(("illegal access to " + where(trap.si_addr)).c_str(), true);
}

void pass_on(int signal, siginfo_t *information, void *context) {
	const struct sigaction &next = earlier[signal];
	if (next.sa_flags & SA_SIGINFO) {
		next.sa_sigaction(signal, information, context);
	} else if (next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN) {
		next.sa_handler(signal);
	} else {
		sigaction(signal, &next, nullptr); // the instruction traps once more
	}
}

void on_trap(int signal, siginfo_t *information, void *context) {
	if (!in_kernel()) {
		for (int i = 0; i < device_count(); i++) {
			uint64_t at = reinterpret_cast<uint64_t>(information->si_addr);
			if (signal == SIGSEGV && device(i)->memory.owns(at)) {
				// No more is said: what the handler interrupted may hold the locks of the memory.
				say("the host touched the memory of device %d: address 0x%llx", i, (unsigned long long)at);
			}
		}
		pass_on(signal, information, context);
		return;
	}
	trap = *information;
	greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
	const greg_t red_zone = 128;
	greg_t top = registers[REG_RSP] - red_zone;
	Block &block = Block::of_this_thread();
	if (!block.on_stack(reinterpret_cast<void *>(top - 8192))) {
		top = reinterpret_cast<greg_t>(block.current()->context.stack + STACK_SIZE - 1024);
	}
	registers[REG_RSP] = (top & ~15) - 8;
	registers[REG_RIP] = reinterpret_cast<greg_t>(&report_trap);
}

} // namespace

void catch_traps() {
	for (int signal : {SIGSEGV, SIGBUS, SIGFPE}) {
		struct sigaction action = {};
		action.sa_sigaction = on_trap;
		action.sa_flags = SA_SIGINFO | SA_ONSTACK;
		sigfillset(&action.sa_mask);
		sigaction(signal, &action, &earlier[signal]);
	}
}

// Signals need a stack of their own: that of the kernel may be what overflowed. It goes with the thread.
void prepare_for_traps() {
	struct SignalStack {
		stack_t stack = {};
		std::vector<char> memory;
		SignalStack() : memory(64 << 10) {
			stack.ss_sp = memory.data(), stack.ss_size = memory.size();
			sigaltstack(&stack, nullptr);
		}
		~SignalStack() {
			stack.ss_flags = SS_DISABLE;
			sigaltstack(&stack, nullptr);
		}
	};
	static thread_local SignalStack stack;
	(void)stack;
}

} // namespace vgpu
