// Blocks that wait for each other. They have to be launched together, so that all of them run. The counter that they
// meet at is the only memory that is changed atomically: no result depends on who comes first.
#pragma once
#include "device.h"

#if defined(UER_VGPU)
#include "vgpu_blocks.h"
#else
// signal_blocks adds 1 to a counter: what the thread wrote before, or saw at a barrier of its block, is seen by those
// who wait for the signal.
DEVFN void signal_blocks(int *counter) { asm volatile("red.release.gpu.add.u32 [%0], 1;" ::"l"(counter) : "memory"); }

// await_blocks waits for so many signals.
DEVFN void await_blocks(const int *counter, int signals) {
	int arrived;
	do asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(arrived) : "l"(counter) : "memory");
	while (arrived < signals);
}
#endif
