// What a kernel does to memory that it may not touch arrives as a signal: it ends the launch, not the process.
#pragma once

namespace vgpu {

// catch_traps is called once; prepare_for_traps by every thread that runs kernels.
void catch_traps();
void prepare_for_traps();

} // namespace vgpu
