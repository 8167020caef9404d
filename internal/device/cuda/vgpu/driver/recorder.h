// Which launches are recorded: with VGPU_RECORD set to a folder, some of each kernel.
#pragma once

#include <memory>

#include "module.h"
#include "recording.h"

namespace vgpu {

// Recorder records one launch, from before the kernel runs until after it.
class Recorder {
public:
	// begin gives null for a launch that is not recorded: one like it was, or it works on too much memory.
	static std::unique_ptr<Recorder> begin(
		Context *context, CUfunction function, const Launch &launch, void **arguments);
	// end keeps the recording, unless the kernel changed nothing: it may have had nothing to do.
	void end();

private:
	Context *context_;
	Recording recording_;
	std::string shape_;
};

} // namespace vgpu
