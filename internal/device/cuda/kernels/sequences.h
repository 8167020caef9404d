// The sequences of a ragged batch: sequence s owns the tokens starts[s] to starts[s+1], of which there may be none.
#pragma once
#include "device.h"

// last_at_most is the last place in a sorted list whose number is at most x, or -1.
DEVFN int last_at_most(const int *list, int count, int x) {
	int below = 0, above = count; // what is before `below` is at most x, what is from `above` on is larger
	while (below < above) {
		int middle = (below + above) / 2;
		if (list[middle] <= x) below = middle + 1;
		else above = middle;
	}
	return below - 1;
}

// sequence_of is the sequence that owns a token.
DEVFN int sequence_of(const int *starts, int sequences, int token) {
	return last_at_most(starts, sequences + 1, token);
}
