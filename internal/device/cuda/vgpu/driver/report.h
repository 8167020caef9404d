// What the stand-in tells people, on standard error: mistakes that a real driver answers with a number, or not at all.
#pragma once

#include <string>

namespace vgpu {

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// say_once says a text the first time only.
void say_once(const std::string &text);

// trace adds to the file of VGPU_TRACE that something begins or ends on a device.
void trace(int device, const char *event, const std::string &what);

} // namespace vgpu
