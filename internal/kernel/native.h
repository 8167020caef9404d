// How Go reaches the versions of a C function: one is compiled for each instruction set, with the set's name as a
// suffix.
#ifndef UER_NATIVE_H
#define UER_NATIVE_H

enum { UER_BASELINE, UER_AVX2, UER_AVX512 };

// UER_PROTOTYPES(type, name, (parameters)) declares every version of a function.
// UER_CALL(set, name, (arguments)) calls the version for an instruction set.
#if defined(__x86_64__)
#define UER_PROTOTYPES(type, name, parameters) \
	type uer_##name##_avx512 parameters;       \
	type uer_##name##_avx2 parameters;         \
	type uer_##name##_baseline parameters;
#define UER_CALL(set, name, arguments)                    \
	((set) == UER_AVX512 ? uer_##name##_avx512 arguments  \
	 : (set) == UER_AVX2 ? uer_##name##_avx2 arguments    \
	                     : uer_##name##_baseline arguments)
#else
#define UER_PROTOTYPES(type, name, parameters) type uer_##name##_baseline parameters;
#define UER_CALL(set, name, arguments) uer_##name##_baseline arguments
#endif

#endif
