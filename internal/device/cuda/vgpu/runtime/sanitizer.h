// What ThreadSanitizer and AddressSanitizer must be told of fibers. The twins are instrumented, the runtime is not.
#pragma once

#include <cstddef>

#ifdef VGPU_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_ignore_thread_begin();
extern "C" void __tsan_ignore_thread_end();
extern "C" void __tsan_read_range(void *, unsigned long);
extern "C" void __tsan_write_range(void *, unsigned long);
#endif
#ifdef VGPU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace vgpu {

#ifdef VGPU_TSAN
constexpr bool TSAN = true;
// A switch of fibers orders nothing: only barriers, launches and ends of threads do, by acquire and release.
inline void *tsan_this_fiber() { return __tsan_get_current_fiber(); }
inline void *tsan_create_fiber() { return __tsan_create_fiber(0); }
inline void tsan_destroy_fiber(void *fiber) { __tsan_destroy_fiber(fiber); }
inline void tsan_switch(void *fiber) { __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync); }
inline void tsan_acquire(void *at) { __tsan_acquire(at); }
inline void tsan_release(void *at) { __tsan_release(at); }
inline void tsan_ignore() { __tsan_ignore_thread_begin(); }
inline void tsan_heed() { __tsan_ignore_thread_end(); }
inline void tsan_reads(const void *at, size_t size) { __tsan_read_range(const_cast<void *>(at), size); }
inline void tsan_writes(void *at, size_t size) { __tsan_write_range(at, size); }
#else
constexpr bool TSAN = false;
inline void *tsan_this_fiber() { return nullptr; }
inline void *tsan_create_fiber() { return nullptr; }
inline void tsan_destroy_fiber(void *) {}
inline void tsan_switch(void *) {}
inline void tsan_acquire(void *) {}
inline void tsan_release(void *) {}
inline void tsan_ignore() {}
inline void tsan_heed() {}
inline void tsan_reads(const void *, size_t) {}
inline void tsan_writes(void *, size_t) {}
#endif

// Private is a scope in which a fiber uses memory of the runtime: the C library's functions are instrumented in any
// case.
struct Private {
	Private() { tsan_ignore(); }
	~Private() { tsan_heed(); }
	Private(const Private &) = delete;
};

} // namespace vgpu
