// The elementary functions one by one, which tests compare with float64.
#include "functions.h"
#include "elements.h"

// y = f(x), with f by its number: 0 exp, 1 log, 2 tanh, 3 the logistic function, 4 its derivative, 5 the distribution
// function of the normal distribution, 6 its density. y, x [n]. Grid: ⌈n/256⌉.
KERNEL_OF(THREADS, functions, float *y, const float *x, size_t n, int function) {
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
	if (i >= n) return;
	switch (function) {
	case 0: y[i] = exp32(x[i]); break;
	case 1: y[i] = log32(x[i]); break;
	case 2: y[i] = tanh32(x[i]); break;
	case 3: y[i] = sigmoid32(x[i]).value; break;
	case 4: y[i] = sigmoid32(x[i]).slope; break;
	case 5: y[i] = normal32(x[i]).below; break;
	case 6: y[i] = normal32(x[i]).density; break;
	}
}
